#!/usr/bin/env python3
"""Statements 34 and 35 of facts ec2 10: bandwidth beyond the allowance, and fragments beyond theirs."""
import time

from frames import MORE_FRAGMENTS, UDP, ipv4, udp
from statements import at_most_a_second, check, equal, main, send_all

# m5.large's 0.75 and 10 Gbps are 2 and 20 Mbps here, and its bucket of credits lasts a second.
BASELINE, PEAK, CREDIT_SECONDS = 2e6 / 8, 20e6 / 8, 1  # bytes a second
CREDITS = (PEAK - BASELINE) * CREDIT_SECONDS
BURST = 2 * 65536 + 9014  # of a bucket, beside what goes on at its rate (dataplane/limit/README.md); and one packet more
TOPOLOGY = """\
version: 1
parameters: {credit_seconds: 1}
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: s, cidr: 10.0.0.0/24}]
security_groups:
  - name: open
    ingress: [{protocol: all, cidr: 0.0.0.0/0}]
instances:
  - {name: a, limits: {baseline_gbps: 0.002, peak_gbps: 0.02}, interfaces: [{private_ip: 10.0.0.10, security_groups: [open]}]}
  - {name: b, interfaces: [{private_ip: 10.0.0.11, security_groups: [open]}]}
  - {name: c, type: m5.large, interfaces: [{private_ip: 10.0.0.12, security_groups: [open]}]}
"""
A, B, C = "10.0.0.10", "10.0.0.11", "10.0.0.12"


def blast(vpc, wire, packets):
    """Sends so many large packets as fast as it can, of several flows, for the allowance is the instance's. Gives the bytes
    that passed and how many packets did not."""
    reason, size = "bw-out-allowance", 8972
    vpc.start_account(vpc.a, reason)
    packets_before, bytes_before = vpc.received("b")
    flows = [ipv4(A, B, UDP, udp(A, B, 40000 + flow, 9, bytes(size))) for flow in range(4)]
    for number in range(packets):
        wire.send_ipv4(flows[number % 4])
        if number % 5 == 4:
            time.sleep(0.005)
    _, dropped = vpc.account(vpc.a, packets, reason, lambda: vpc.received("b")[0] - packets_before)
    return vpc.received("b")[1] - bytes_before, dropped


def statement_34_without_credits_no_more_than_the_baseline_leaves(vpc):
    vpc.b.udp(port=9)  # so that its kernel has nothing to answer
    wire, before = vpc.a.wire(), vpc.ena(vpc.a)
    total, dropped_in_all, began = 0, 0, time.monotonic()
    while time.monotonic() < began + 60:
        since = time.monotonic()
        passed, dropped = blast(vpc, wire, 100)
        total, dropped_in_all = total + passed, dropped_in_all + dropped
        most = CREDITS + BASELINE * (time.monotonic() - began) + BURST
        check(total <= most, f"{total} bytes are more than all credits are worth, {most:.0f}")
        if total >= 0.9 * CREDITS and dropped > 0 and passed <= BASELINE * (time.monotonic() - since) + BURST:
            break
    else:
        check(False, "the credits never came to an end")
    after = vpc.ena(vpc.a)
    wanted = before | {"bw_out_allowance_exceeded": before["bw_out_allowance_exceeded"] + dropped_in_all}
    equal(after, wanted, "a's counters: out, and not in")
    equal(set(vpc.ena(vpc.b).values()), {0}, "b's")


def statement_35_an_interface_sends_1024_fragments_a_second(vpc):
    reason, counter = "fragment-allowance", "pps_allowance_exceeded"
    wire = vpc.c.wire()
    segment = udp(C, B, 40000, 9, bytes(24))

    def attempt(total):
        fragments = [ipv4(C, B, UDP, segment, fragment=MORE_FRAGMENTS, identification=number) for number in range(total)]
        vpc.start_account(vpc.c, reason)
        before, (first, _) = vpc.ena(vpc.c), vpc.received("b")
        send_all(wire.send_ipv4, fragments)
        passed, dropped = vpc.account(vpc.c, total, reason, lambda: vpc.received("b")[0] - first)
        equal(vpc.ena(vpc.c), before | {counter: before[counter] + dropped}, "ENA's counters")
        return passed, dropped

    at_most_a_second(1024, attempt)


main(TOPOLOGY)
