"""Runs inside an instance and makes sockets there for the test: a socket stays in the network namespace it was made in,
whoever holds it. Requests come on standard input, a SOCK_SEQPACKET socket; sockets go back on it by SCM_RIGHTS."""
import json
import socket

# Bound here and not by the test, which may bind no port below 1024 when it is an ordinary user outside.
with socket.socket(fileno=0) as channel:
    channel.sendall(b"ready")
    while request := channel.recv(4096):
        family, kind, protocol, address, options = json.loads(request)
        try:
            with socket.socket(family, kind, protocol) as made:
                for level, name, value in options:
                    made.setsockopt(level, name, value)
                if address is not None:
                    made.bind(tuple(address))
                socket.send_fds(channel, [b"ok"], [made.fileno()])
        except OSError as failure:
            channel.sendall(str(failure).encode())
