"""The programs that scenarios run inside instances.

  guest.py serve PORT                TCP: answers each line with itself; prints "ready"
  guest.py serve6 PORT               the same over IPv6 alone
  guest.py echo PORT                 UDP: answers each datagram with itself; prints "ready"
  guest.py talk HOST PORT            TCP: prints "connected", then sends each line of stdin and prints the answer;
                                     "refused" or "no answer" and exit code 1 when there is no connection
  guest.py receive PORT              TCP: takes one connection to its end, prints "ready", then bytes and SHA-256
  guest.py send HOST PORT MIB [RATE] TCP: sends so many MiB, at most RATE of them a second; prints bytes and SHA-256
  guest.py http PORT                 HTTP over IPv4 and IPv6: answers each GET with the client's address; prints "ready"
  guest.py frames HEX...             raw Ethernet frames out of eth0
  guest.py datagram HOST PORT        one UDP datagram, "hello"
  guest.py flows HOST PORT COUNT     one such from each of so many source ports
  guest.py number RATE HOST PORT...  UDP: 1, 2, 3, ... to each of the pairs, RATE of them a second, until stdin ends; then how many
  guest.py tally PORT                UDP: prints "ready"; for each line of stdin, what has come of such numbers: the highest, how many
                                     different ones, how many twice, and how many this machine's kernel dropped here
  guest.py sleep                     prints "ready" and ignores SIGTERM
"""
import hashlib
import http.server as http_server
import select
import signal
import socket
import struct
import sys
import threading
import time

# Shorter than TCP's first retransmission (1 s, RFC 6298 2.1): one SYN, so one drop to count.
CONNECT_SECONDS = 0.6
BLOCK = 1 << 20


def say(*words):
    print(*words, flush=True)


def answer(connection):
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            connection.sendall(line)


def serve(port, family=socket.AF_INET):
    listener = socket.create_server(("", int(port)), family=family, backlog=64)
    say("ready")
    while True:
        threading.Thread(target=answer, args=[listener.accept()[0]], daemon=True).start()


def serve6(port):
    serve(port, socket.AF_INET6)


def echo(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", int(port)))
        say("ready")
        while True:
            data, client = server.recvfrom(65536)
            server.sendto(data, client)


def talk(host, port):
    try:
        connection = socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS)
    except ConnectionRefusedError:
        say("refused")
        return 1
    except (TimeoutError, OSError) as failure:
        say("no answer" if isinstance(failure, TimeoutError) else failure)
        return 1
    connection.settimeout(10)
    say("connected")
    answers = connection.makefile("rb")
    for line in sys.stdin.buffer:
        connection.sendall(line)
        say(answers.readline().decode().strip())
    return 0


def http(port):
    class Answer(http_server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.client_address[0].removeprefix("::ffff:").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class BothFamilies(http_server.ThreadingHTTPServer):
        address_family = socket.AF_INET6

        def server_bind(self):
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(self.server_address)
            self.server_name, self.server_port = "weft", self.server_address[1]  # no look-up of our own name

    server = BothFamilies(("::", int(port)), Answer)
    say("ready")
    server.serve_forever()


def receive(port):
    listener = socket.create_server(("", int(port)))
    say("ready")
    connection, _ = listener.accept()
    digest, total = hashlib.sha256(), 0
    while data := connection.recv(BLOCK):
        digest.update(data)
        total += len(data)
    say(total, digest.hexdigest())


def block_of(number):
    """Different for each block and position, so that a lost, doubled or swapped segment changes the sum."""
    return hashlib.shake_128(number.to_bytes(8, "big")).digest(BLOCK)


def send(host, port, mebibytes, rate="0"):
    """`rate`: MiB a second, until a line is said to it."""
    rate = float(rate)
    connection = socket.create_connection((host, int(port)), timeout=30)
    digest, started = hashlib.sha256(), time.monotonic()
    for number in range(int(mebibytes)):
        block = block_of(number)
        digest.update(block)
        connection.sendall(block)
        if rate > 0 and select.select([sys.stdin], [], [], max(0, started + (number + 1) / rate - time.monotonic()))[0]:
            rate = 0
    connection.close()
    say(int(mebibytes) * BLOCK, digest.hexdigest())


def frames(*texts):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("eth0", 0))
        for text in texts:
            raw.send(bytes.fromhex(text))


def datagram(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", (host, int(port)))


def flows(host, port, count):
    for source in range(20000, 20000 + int(count)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("", source))
            sender.sendto(b"hello", (host, int(port)))
        if source % 32 == 0:
            time.sleep(0.002)  # no queue between here and there has room for all of them at once


def number(rate, *pairs):
    """Late is late: numbers are not made up for in bursts that no queue between here and there has room for."""
    ends = [socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0] for host, port in zip(pairs[::2], pairs[1::2])]
    senders = [(socket.socket(end[0], socket.SOCK_DGRAM), end[4]) for end in ends]
    count = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        count += 1
        for sender, address in senders:
            sender.sendto(count.to_bytes(8, "big"), address)
        time.sleep(1 / float(rate))
    say(count)


def tally(port):
    SO_RCVBUFFORCE, SO_MEMINFO, MEMINFO_DROPS = 33, 55, 8  # include/uapi/asm-generic/socket.h, linux/sock_diag.h
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        except PermissionError:  # root of the machine alone may
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        receiver.bind(("::", int(port)))
        say("ready")
        seen, twice, highest = set(), 0, 0
        while True:
            ready, _, _ = select.select([receiver, sys.stdin], [], [])
            if receiver in ready:
                number = int.from_bytes(receiver.recv(8), "big")
                twice += number in seen
                seen.add(number)
                highest = max(highest, number)
            elif not sys.stdin.buffer.raw.read(64):
                return
            else:
                drops = struct.unpack_from("I", receiver.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 64), 4 * MEMINFO_DROPS)[0]
                say(highest, len(seen), twice, drops)


def sleep():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("ready")
    while True:
        signal.pause()


if __name__ == "__main__":
    program = {f.__name__: f for f in (serve, serve6, echo, talk, http, receive, send, frames, datagram, flows, number, tally, sleep)}[sys.argv[1]]
    sys.exit(program(*sys.argv[2:]))
