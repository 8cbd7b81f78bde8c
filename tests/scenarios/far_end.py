"""The far end of a wire: a host in a network namespace, on the other side of a veth pair from a DPDK device. For scenarios as root."""
import ctypes
import os
import subprocess
import sys
import time

from weft_scenario import GUEST, GuestProcess, check

CLONE_NEWNET = 0x40000000
PATIENCE_SECONDS = 30


def in_a_network_of_our_own():
    """The wires are in it, and gone with this process. Without the right to one, main() says what is missing."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0:
        ip("link", "set", "lo", "up")


def veth(near, far):
    ip("link", "add", near, "type", "veth", "peer", "name", far)
    ip("link", "set", near, "up")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Host:
    """At the far end of the wire, in a namespace that lasts as long as its one process."""

    def __init__(self, interface):
        self.interface, self.guests = interface, []
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "600"])
        time.sleep(0.2)
        ip("link", "set", interface, "netns", str(self.process.pid))

    def run(self, *words):
        return subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)

    def take(self, address, mac):
        self.run("ethtool", "-K", self.interface, "tso", "off", "gso", "off", "tx", "off")
        self.run("ip", "link", "set", self.interface, "address", mac, "up")
        self.run("ip", "address", "add", address, "dev", self.interface)

    def serve(self, *words):
        """guest.py there, in the background, until the host ends."""
        guest = GuestProcess(["nsenter", "-t", str(self.process.pid), "-n", sys.executable, str(GUEST), *map(str, words)], os.environ)
        self.guests.append(guest)
        return guest

    def reaches(self, address):
        return self.run("ping", "-c", "1", "-W", "1", address).returncode == 0

    def end(self):
        for guest in self.guests:
            guest.kill()
        self.process.kill()
        self.process.wait()


def wait_for(what, happens):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        check(time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s")
        time.sleep(0.1)


def drops(weft, reason):
    return sum(value for key, value in weft.counters().items() if f"drops.{reason}" in key)
