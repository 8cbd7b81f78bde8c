#!/usr/bin/env python3
"""The two ends of the demo's TCP connection.

  demo_tcp.py serve PORT             answers each line with "web says: <line>"
  demo_tcp.py try HOST PORT          one connection, one line; exit 1 when it times out after two seconds
  demo_tcp.py hold HOST PORT FIFO    one connection that stays open: each line of FIFO is sent, each answer printed
"""
import socket
import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"web says: " + line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    mode = sys.argv[1]
    if mode == "serve":
        Server(("", int(sys.argv[2])), Echo).serve_forever()
    try:
        connection = socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=2)
        answers = connection.makefile("rb")
        lines = open(sys.argv[4], "rb") if mode == "hold" else [b"hello\n"]
        for line in lines:
            connection.sendall(line)
            print("   ", answers.readline().decode().strip(), flush=True)
    except TimeoutError:
        print("    no answer within two seconds: the packets are dropped silently, as EC2 does")
        return 1


sys.exit(main())
