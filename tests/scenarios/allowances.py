#!/usr/bin/env python3
"""Allowances as people meet them: ENA's counters under their exact names, as ethtool -S shows them, and the limits that
explain names (facts ec2 5.3). Statement 25's drop is real; the other counters are there and stay at 0."""
import sys
import time

from weft_scenario import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: main, cidr: 10.0.1.0/24}
security_groups:
  - name: members
    ingress: [{protocol: all, group: members}]
placement_groups:
  - {name: tight, strategy: cluster}
instances:
  - name: a
    type: c5n.18xlarge
    placement_group: tight
    limits: {connections: 3}
    interfaces: [{security_groups: [members]}]
  - {name: b, type: c5n.18xlarge, placement_group: tight, interfaces: [{security_groups: [members]}]}
  - {name: c, interfaces: [{security_groups: [members]}]}
"""
NAMES = ["bw_in_allowance_exceeded", "bw_out_allowance_exceeded", "pps_allowance_exceeded",
         "conntrack_allowance_exceeded", "linklocal_allowance_exceeded", "conntrack_allowance_available"]
SEND = "import socket, sys; [socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('b', 9)) for _ in range(5)]"


def ethtool(text):
    """The counters of `ethtool -S`: "     name: number" below its heading."""
    head, *lines = text.splitlines()[1:]
    equal(head, "NIC statistics:", "the heading")
    check(all(line.startswith("     ") and line.count(": ") == 1 for line in lines), f"the lines of ethtool: {lines}")
    return {name: int(number) for name, number in (line.strip().split(": ") for line in lines)}


def limits_of(weft, *question):
    return [(step["limit"]["value"], step["limit"]["unit"], step["limit"]["counter"])
            for step in weft.ask("explain", *question)["steps"] if step["stage"] == "allowance"]


def scenario(weft):
    weft.up()
    equal(list(ethtool(weft.run("stats", "a", "--ena"))), NAMES, "names and order, where connections are limited")
    equal(list(ethtool(weft.run("stats", "b", "--ena"))), NAMES[:5], "and where they are not")

    weft.inside("a", sys.executable, "-c", SEND)
    # The kernel asks for b's MAC first, and lets what waits go out; so not before the fifth has been judged.
    deadline = time.monotonic() + 10
    counters = ethtool(weft.run("stats", "a", "--ena"))
    while counters["conntrack_allowance_exceeded"] < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        counters = ethtool(weft.run("stats", "a", "--ena"))
    equal(counters["conntrack_allowance_exceeded"], 2, "connections too many")
    equal(counters["conntrack_allowance_available"], 0, "connections left")
    equal([counters[name] for name in NAMES if name != "conntrack_allowance_exceeded"], [0] * 5, "the others")
    shown = weft.ask("stats", "a")["interfaces"][0]
    equal(shown["ena"], counters, "the same in JSON")
    equal(shown["drops"], {"conntrack-allowance": 2}, "the drops that these are")
    check("ena       2 conntrack_allowance_exceeded" in weft.run("stats", "a"), "and in the table")

    flow = (10, "Gbit/s", None)
    ways = limits_of(weft, "a", "b", "udp", 9)
    check((3, "connections", "conntrack_allowance_exceeded") in ways and flow in ways, f"a to b: {ways}")
    check((5, "Gbit/s", None) in limits_of(weft, "a", "c", "udp", 9), "5 Gbit/s outside the cluster")
    equal(limits_of(weft, "c", "10.0.1.1", "icmp"), [], "nothing where nothing limits")
    text = weft.run("explain", "a", "10.0.0.2", "udp", 53)
    check("limited: this interface may send 1024 packets" in text and "linklocal_allowance_exceeded" in text, text)


main(scenario, TOPOLOGY)
