#!/usr/bin/env python3
"""Statements 34 and 35 of facts ec2 10: bandwidth beyond the allowance, and fragments beyond theirs."""
import time

from frames import MORE_FRAGMENTS, UDP, ipv4, udp
from statements import check, equal, main

# m5.large's 0.75 Gbps with an empty bucket of credits are 20 Mbps here: a baseline that is the peak has no credits.
TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: s, cidr: 10.0.0.0/24}]
security_groups:
  - name: open
    ingress: [{protocol: all, cidr: 0.0.0.0/0}]
instances:
  - {name: a, limits: {baseline_gbps: 0.02, peak_gbps: 0.02}, interfaces: [{private_ip: 10.0.0.10, security_groups: [open]}]}
  - {name: b, interfaces: [{private_ip: 10.0.0.11, security_groups: [open]}]}
  - {name: c, type: m5.large, interfaces: [{private_ip: 10.0.0.12, security_groups: [open]}]}
"""
A, B, C = "10.0.0.10", "10.0.0.11", "10.0.0.12"


def statement_34_beyond_the_baseline_nothing_leaves_without_credits(vpc):
    reason, total, size = "bw-out-allowance", 1500, 8972
    packets = [udp(A, B, 40000 + flow, 9, bytes(size)) for flow in range(4)]  # the instance's, not one flow's
    wire = vpc.a.wire()
    vpc.b.udp(port=9)  # so that its kernel has nothing to answer
    vpc.start_account(vpc.a, reason)
    first = {name: vpc.interface_counter("b", name) for name in ("rx_packets", "rx_bytes")}
    began = time.monotonic()
    for number in range(total):
        wire.send_ipv4(ipv4(A, B, UDP, packets[number % 4]))
        if number % 20 == 19:
            time.sleep(0.002)
    dropped = vpc.account(vpc.a, total, reason, lambda: vpc.interface_counter("b", "rx_packets") - first["rx_packets"])
    took = time.monotonic() - began
    passed = vpc.interface_counter("b", "rx_bytes") - first["rx_bytes"]
    check(dropped > 0 and passed >= 65536, f"{passed} bytes passed, {dropped} packets did not")
    check(passed <= 20e6 / 8 * took + 65536 + size + 42, f"{passed} bytes in {took:.2f} s are more than 20 Mbps and a burst")
    equal([key for key in vpc.drops() if key[1] == "bw-in-allowance"], [], "drops of the other direction")


def statement_35_an_interface_sends_1024_fragments_a_second(vpc):
    reason, total = "fragment-allowance", 2000
    wire = vpc.c.wire()
    segment = udp(C, B, 40000, 9, bytes(24))
    for _ in range(5):
        vpc.start_account(vpc.c, reason)
        first = vpc.interface_counter("b", "rx_packets")
        began = time.monotonic()
        for number in range(total):
            wire.send_ipv4(ipv4(C, B, UDP, segment, fragment=MORE_FRAGMENTS, identification=number))
            if number % 50 == 49:
                time.sleep(0.005)
        vpc.account(vpc.c, total, reason, lambda: vpc.interface_counter("b", "rx_packets") - first)
        took = time.monotonic() - began
        passed = vpc.interface_counter("b", "rx_packets") - first
        check(passed <= 1024 * (int(took) + 1), f"{passed} fragments in {took:.1f} s")
        if took < 1:
            return equal(passed, 1024, "fragments in one second")
        time.sleep(1)
    check(False, "this machine does not get through 2000 fragments in a second")


main(TOPOLOGY)
