#!/usr/bin/env python3
"""Statements 36 to 39 of facts ec2 10, as far as they are about what is built (README.md): whom EFA reaches, exactly-once
delivery of packets up to the MTU, and the status of those that are not delivered."""
from statements import equal, main, start_program

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: s, cidr: 10.0.0.0/24, az: use1-az1}
  - {name: near, cidr: 10.0.1.0/24, az: use1-az1}
  - {name: far, cidr: 10.0.2.0/24, az: use1-az2}
security_groups:
  - name: efa
    ingress: [{protocol: all, group: self}, {protocol: icmp, cidr: 0.0.0.0/0}]
    egress: [{protocol: all, group: self}, {protocol: all, cidr: 0.0.0.0/0}]
instances:
  - {name: a, interfaces: [{subnet: s, private_ip: 10.0.0.10, type: efa, security_groups: [efa]}]}
  - {name: b, interfaces: [{subnet: s, private_ip: 10.0.0.11, type: efa, security_groups: [efa]}]}
  - {name: near, interfaces: [{subnet: near, private_ip: 10.0.1.12, type: efa, security_groups: [efa]}]}
  - {name: far, interfaces: [{subnet: far, private_ip: 10.0.2.13, type: efa, security_groups: [efa]}]}
"""
OK, BAD_LENGTH, BAD_QPN, RNR, UNREACHABLE = 0, 6, 9, 10, 15
MTU = 8928  # facts ec2 6.3


class Endpoint:
    def __init__(self, vpc, guest, *words):
        self.process = start_program(vpc, guest, "weft-efa-endpoint", *words)
        word, self.ip, self.qpn, self.qkey, mtu = self.process.line().split()
        equal((word, int(mtu)), ("ready", MTU), "an endpoint")

    def begin(self, verb, to, size, count="", qpn=None, qkey=None):
        self.process.say(f"{verb} {to.ip} {qpn or to.qpn} {qkey or to.qkey} {size} {count}")

    def statuses(self):
        """{status: how many packets ended with it}"""
        word, *rest = self.process.line(60).split()
        return {int(rest[i]): int(rest[i + 1]) for i in range(0, len(rest), 2)} if word == "sent" else word

    def send(self, to, size=8, count=1, **other):
        self.begin("send", to, size, count, **other)
        return self.statuses()

    def received(self, count=0):
        """(packets, different ones, damaged ones) since the start."""
        self.process.say(f"receive {count}")
        return tuple(map(int, self.process.line(60).split()[1:]))


def efa_counter(vpc, instance, name):
    return vpc.interface_counter(instance, "efa")[name]


def statement_36_efa_needs_a_group_that_references_itself_both_ways(vpc):
    a, b = Endpoint(vpc, "a"), Endpoint(vpc, "b")
    with_self_out = "    egress: [{protocol: all, group: self}, {protocol: all, cidr: 0.0.0.0/0}]\n"
    with_self_in = "    ingress: [{protocol: all, group: self}, {protocol: icmp, cidr: 0.0.0.0/0}]\n"
    for change, reason in ((with_self_out, "efa-group-egress"), (with_self_in, "efa-group-ingress")):
        vpc.edit((change, change.replace("{protocol: all, group: self}, ", "{protocol: tcp, ports: all, cidr: 0.0.0.0/0}, ")))
        with vpc.drops_of(vpc.a, reason, 1):
            equal(a.send(b), {UNREACHABLE: 1}, f"without a rule of its own ({reason})")
        vpc.a.inside("ping", "-c1", "-W10", "10.0.0.11")  # IP is another matter
    equal((b.received(), efa_counter(vpc, "b", "rx_pkts")), ((0, 0, 0), 0), "what b got")
    vpc.up()
    equal(a.send(b), {OK: 1}, "with rules of its own")
    equal(b.received(1), (1, 1, 0), "what b got")


def statement_37_efa_reaches_one_zone_across_subnets(vpc):
    a, near, far = Endpoint(vpc, "a"), Endpoint(vpc, "near"), Endpoint(vpc, "far")
    vpc.a.inside("ping", "-c1", "-W10", "10.0.2.13")  # routable as IP
    with vpc.drops_of(vpc.a, "efa-unreachable", 1):
        equal(a.send(far), {UNREACHABLE: 1}, "to another zone")
    equal(a.send(near), {OK: 1}, "to another subnet of the zone")
    equal((near.received(1), far.received()), ((1, 1, 0), (0, 0, 0)), "what they got")


def statement_38_ten_thousand_packets_arrive_exactly_once(vpc):
    """Nothing loses a packet on the way here yet, but a receiver has only so much room: what finds none is sent again."""
    a, b = Endpoint(vpc, "a"), Endpoint(vpc, "b", 0, 64, 64)
    half = 5_000
    for round_, size in enumerate((8, MTU), 1):
        a.begin("carry", b, size, half)
        equal(b.received(half * round_), (half * round_, half * round_, 0), f"packets of {size} bytes: all, distinct, damaged")
        equal(a.statuses(), {OK: half}, "statuses")
    equal(b.received(), (2 * half, 2 * half, 0), "and none came after")
    equal(a.send(b, MTU + 1), "refused", "MTU + 1")
    a.begin("lie", b, MTU + 1)
    equal(a.statuses(), {BAD_LENGTH: 1}, "a descriptor of MTU + 1")


def statement_39_what_cannot_be_delivered_ends_with_its_status(vpc):
    a, b = Endpoint(vpc, "a"), Endpoint(vpc, "b", 0, 64, 16)
    before = efa_counter(vpc, "b", "rx_drops")
    with vpc.drops_of(vpc.a, "efa-rnr", 4):
        statuses = a.send(b, 4096, 20)  # b has posted 16
    equal(statuses, {OK: 16, RNR: 4}, "statuses")
    equal(efa_counter(vpc, "b", "rx_drops") - before, 4, "b's rx_drops")
    equal(b.received(16), (16, 16, 0), "what b got")
    equal(a.send(b, 4096, 1), {OK: 1}, "once b has posted again")
    with vpc.drops_of(vpc.a, "efa-bad-qpn", 2):
        equal(a.send(b, qpn=int(b.qpn) + 1), {BAD_QPN: 1}, "no such queue pair")
        equal(a.send(b, qkey=int(b.qkey) % 0xFFFFFFFF + 1), {BAD_QPN: 1}, "another life of that queue pair")


main(TOPOLOGY, programs=["tests/scenarios/statements/weft-efa-endpoint"])
