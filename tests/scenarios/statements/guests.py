"""An instance as a test holds it: real sockets in its namespace, and its wire."""
import functools
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import time

import frames
from weft_scenario import check

SOCKET_MAKER = pathlib.Path(__file__).with_name("socket_maker.py")
PATIENCE = 20  # seconds for what must come; a loaded machine under a sanitizer takes its time
ETH_P_ALL = 3
PACKET_OUTGOING = 4
QUEUE_BYTES = 1 << 20  # asked for a wire's receive queue; the kernel gives what rmem_max permits


class Guest:
    def __init__(self, weft, name):
        self.weft, self.name = weft, name
        self.maker = None
        self.open = []
        self.wires = {}

    # ---- what it is ----

    def interface(self, index=0):
        return next(one for one in self.weft.ask("ps") if one["name"] == self.name)["interfaces"][index]

    def mac(self, index=0):
        return self.inside("cat", f"/sys/class/net/eth{index}/address").strip()

    def inside(self, *command, ok=(0,)):
        return self.weft.inside(self.name, *command, ok=ok)

    def lost(self):
        """What its own kernel had no room for: packets on their way to eth0, and datagrams that its sockets did not read."""
        text = self.inside("cat", "/sys/class/net/eth0/statistics/tx_dropped", "/proc/net/snmp").splitlines()
        names, numbers = (line.split() for line in text if line.startswith("Udp:"))
        return int(text[0]), int(numbers[names.index("RcvbufErrors")])

    # ---- sockets ----

    def _start(self):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.maker = subprocess.Popen([self.weft.program, "exec", self.name, "--", sys.executable, SOCKET_MAKER],
                                          env=self.weft.environment, stdin=theirs)
        self.channel.settimeout(PATIENCE)
        check(self.channel.recv(16) == b"ready", f"the socket maker in {self.name} did not start")

    def socket(self, family, kind, protocol=0, address=None, options=()):
        if self.maker is None or self.maker.poll() is not None:
            self._start()
        self.channel.sendall(json.dumps([family, kind, protocol, address, options]).encode())
        answer, descriptors, _, _ = socket.recv_fds(self.channel, 200, 1)
        check(descriptors, f"a socket in {self.name}: {answer.decode()}")
        made = socket.socket(family, kind, protocol, fileno=descriptors[0])
        made.settimeout(PATIENCE)
        self.open.append(made)
        return made

    def udp(self, address="0.0.0.0", port=0, options=()):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return self.socket(family, socket.SOCK_DGRAM, address=(address, port), options=options)

    def listen(self, port, address="0.0.0.0"):
        reuse = [(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)]
        listener = self.socket(socket.AF_INET, socket.SOCK_STREAM, address=(address, port), options=reuse)
        listener.listen()
        return listener

    def connect(self, address, port, source="0.0.0.0"):
        """A TCP connection that is there."""
        client = self.socket(socket.AF_INET, socket.SOCK_STREAM, address=(source, 0))
        client.connect((address, port))
        return client

    def knock(self, address, port, source="0.0.0.0"):
        """Sends a SYN and does not wait; the caller looks what became of it."""
        client = self.socket(socket.AF_INET, socket.SOCK_STREAM, address=(source, 0))
        client.setblocking(False)
        check(client.connect_ex((address, port)) == 115, "a connection that has begun (EINPROGRESS)")
        return client

    def wire(self, index=0):
        if index not in self.wires:
            self.wires[index] = Wire(self, index)
            if self.name != "internet":  # whose router is nobody to ask
                self.wires[index].learn_router()
        return self.wires[index]

    def close(self):
        for each in self.open:
            each.close()
        self.open, self.wires = [], {}

    def end(self):
        self.close()
        if self.maker is not None:
            self.channel.close()  # which it takes for its end
            self.maker.wait(PATIENCE)
            self.maker = None


class Wire:
    """eth0 (or ethN) as a packet socket sees it: sends any frame, and shows what arrived, whoever it was for."""

    def __init__(self, guest, index):
        self.guest = guest
        options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE_BYTES)]
        self.socket = guest.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL),
                                   address=(f"eth{index}", ETH_P_ALL), options=options)
        self.index = index
        self.mac = guest.mac(index)
        self.marks = 0

    @functools.cached_property
    def address(self):
        return self.guest.interface(self.index)["private_ip"]

    @property
    def router(self):
        return self.address.rsplit(".", 1)[0] + ".1"  # every subnet of ours is a /24

    def learn_router(self):
        self.ask_who_has(self.router)
        self.router_mac = self.wait_for(lambda one: one.is_arp_reply and one.arp_sender[1] == self.router).source

    def send(self, frame):
        self.socket.send(frame)

    def ask_who_has(self, address):
        self.send(frames.ethernet(frames.BROADCAST, self.mac, frames.ARP,
                                  frames.arp(1, self.mac, self.address, "00:00:00:00:00:00", address)))

    def send_ipv4(self, packet, destination_mac=None, source_mac=None):
        self.send(frames.ethernet(destination_mac or self.router_mac, source_mac or self.mac, frames.IPV4, packet))

    def send_ipv6(self, packet):
        self.send(frames.ethernet(self.router_mac, self.mac, frames.IPV6, packet))

    def receive(self, deadline):
        """The next frame that arrived, or None at the deadline."""
        while True:
            ready, _, _ = select.select([self.socket], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                return None
            data, origin = self.socket.recvfrom(65536)
            if origin[2] != PACKET_OUTGOING:
                return frames.Frame(data)

    def wait_for(self, wanted):
        """The first frame that `wanted` is true of; those before it are gone."""
        deadline = time.monotonic() + PATIENCE
        passed = []
        while frame := self.receive(deadline):
            if wanted(frame):
                return frame
            passed.append(str(frame))
        check(False, f"{self.guest.name} did not get the frame it waited for in {PATIENCE} s; it got {passed or 'nothing'}")

    def arrived(self):
        """Everything that arrived up to now. The mark is an echo of the subnet's router, asked for after the rest: the
        fabric answers it itself and no group or ACL has a say, so it comes behind all that was on its way to this card."""
        self.marks += 1
        mark = os.urandom(16)
        self.send_ipv4(frames.ipv4(self.address, self.router, frames.ICMP,
                                   frames.icmp(8, rest=b"\x77\x77" + self.marks.to_bytes(2, "big"), payload=mark)))
        deadline = time.monotonic() + PATIENCE
        found = []
        while frame := self.receive(deadline):
            if mark in frame.data:
                return found
            found.append(frame)
        check(False, f"{self.guest.name}'s mark did not come back in {PATIENCE} s")

    def packets(self):
        """arrived() without ARP, which the guest's kernel has of its own."""
        return [frame for frame in self.arrived() if frame.ether_type != frames.ARP]
