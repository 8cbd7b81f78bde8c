#!/usr/bin/env python3
"""An instance whose interface is a wire: a DPDK device on one end of a veth pair, whose other end is a host in a network
namespace, with the instance's address. What the groups allow passes, what they do not is a security drop; the link goes down
and comes back; the wire is cut under traffic and the daemon lives on. Once by af_packet and once by af_xdp."""
import ctypes
import subprocess
import time

from weft_scenario import check, main

CLONE_NEWNET = 0x40000000
PATIENCE_SECONDS = 30
TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: main, cidr: 10.0.1.0/24}
security_groups:
  - name: outside
    ingress:
      - {protocol: icmp, cidr: 10.0.1.0/24}
  - name: server
    ingress:
      - {protocol: icmp, cidr: 10.0.1.0/24}
instances:
  - {name: x, interfaces: [{private_ip: 10.0.1.10, security_groups: [outside], port: {driver: ethdev, device: "DEVICE"}}]}
  - {name: y, interfaces: [{private_ip: 10.0.1.11, security_groups: [server]}]}
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Host:
    """At the far end of the wire, in a namespace that lasts as long as its one process."""

    def __init__(self, interface):
        self.interface = interface
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

    def reaches(self, address):
        return self.run("ping", "-c", "1", "-W", "1", address).returncode == 0

    def end(self):
        self.process.kill()
        self.process.wait()


def wait_for(what, happens):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        check(time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s")
        time.sleep(0.1)


def drops(weft, reason):
    return sum(value for key, value in weft.counters().items() if f"drops.{reason}" in key)


def refused_by_the_link(weft):
    weft.inside("y", "ping", "-c", "1", "-W", "1", "10.0.1.10", ok=(1,))
    return drops(weft, "link-down") > 0


def on_a_wire(weft, kind):
    near, far = f"{kind}0", f"{kind}1"
    ip("link", "add", near, "type", "veth", "peer", "name", far)
    ip("link", "set", near, "up")
    host = Host(far)
    try:
        weft.up(TOPOLOGY.replace("DEVICE", f"net_{kind},iface={near}"))
        mac = next(one for one in weft.ask("ps") if one["name"] == "x")["interfaces"][0]["mac"]
        host.take("10.0.1.10/24", mac)
        wait_for(f"a ping over {kind}", lambda: host.reaches("10.0.1.11"))

        host.run("nc", "-z", "-w", "1", "10.0.1.11", "22")
        check(drops(weft, "group-ingress") > 0, f"{kind}: TCP that no rule allows is dropped by the group")

        host.run("ip", "link", "set", far, "down")
        wait_for(f"{kind}: the link is down", lambda: refused_by_the_link(weft))
        host.run("ip", "link", "set", far, "up")
        wait_for(f"{kind}: the link is up again", lambda: host.reaches("10.0.1.11"))

        ip("link", "delete", near)  # the wire is cut
        weft.inside("y", "ping", "-c", "1", "-W", "1", "10.0.1.10", ok=(0, 1))
        check(weft.ask("stats")["balance"]["holds"], f"{kind}: the balance of received and delivered packets does not hold")
        weft.down()
    finally:
        host.end()


def scenario(weft):
    for kind in ("af_packet", "af_xdp"):
        on_a_wire(weft, kind)


if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0:  # the wires are in a network of this test's own
    ip("link", "set", "lo", "up")
main(scenario, TOPOLOGY, needs="root")
