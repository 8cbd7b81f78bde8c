#!/usr/bin/env python3
"""IPv6 between instances of a dual-stack subnet: addresses from the model, the router's link-local, groups for IPv6 of their
own; and an instance without an IPv6 address has none at all (facts ec2 1.3, 1.6)."""
from weft_scenario import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: 2001:db8:1234:1a00::/56}
subnets:
  - {name: main, cidr: 10.0.1.0/24, ipv6_cidr: 2001:db8:1234:1a01::/64}
  - {name: far, cidr: 10.0.2.0/24, ipv6_cidr: 2001:db8:1234:1a02::/64}
security_groups:
  - name: six
    ingress: [{protocol: icmpv6, cidr: "::/0"}, {protocol: tcp, port: 80, cidr: "2001:db8:1234:1a01::/64"}]
    egress: [{protocol: all, cidr: "::/0"}]
instances:
  - {name: a, interfaces: [{subnet: main, security_groups: [six], ipv6_addresses: ["2001:db8:1234:1a01::a"]}]}
  - {name: b, interfaces: [{subnet: main, security_groups: [six], ipv6_addresses: ["2001:db8:1234:1a01::b"]}]}
  - {name: c, interfaces: [{subnet: far, security_groups: [six], ipv6_addresses: ["2001:db8:1234:1a02::c"]}]}
  - {name: old, interfaces: [{subnet: main, security_groups: [six]}]}
"""
A, B, C = "2001:db8:1234:1a01::a", "2001:db8:1234:1a01::b", "2001:db8:1234:1a02::c"


def get(weft, guest, address, ok=(0,)):
    return weft.inside(guest, "curl", "--silent", "--max-time", "2", f"http://[{address}]/", ok=ok)


def scenario(weft):
    weft.up()
    check(f"{A}/64" in weft.inside("a", "ip", "-o", "-6", "addr"), "a's address")
    equal(weft.inside("old", "ip", "-6", "addr", "show", "eth0"), "", "IPv6 of an instance that has no address of it")

    weft.inside("a", "ping", "-6", "-c2", "-i0.1", "-W2", B)
    weft.inside("a", "ping", "-6", "-c2", "-i0.1", "-W2", C)  # through the router
    weft.inside("c", "ping", "-6", "-c1", "-W2", "2001:db8:1234:1a02::1")
    weft.inside("a", "ping", "-6", "-c1", "-W2", "-M", "do", "-s", str(9001 - 48), B)
    weft.inside("a", "ping", "-6", "-c1", "-W1", "2001:db8:1234:1a01::99", ok=(1,))

    equal(weft.start("b", "http", 80).line(), "ready", "a server in b")
    equal(get(weft, "a", B), A, "a's address as b sees it")
    get(weft, "c", B, ok=(28,))  # not of the subnet that the rule names: no answer

    # An address more, and one less, while they run.
    more = TOPOLOGY.replace('ipv6_addresses: ["2001:db8:1234:1a01::b"]', 'ipv6_addresses: ["2001:db8:1234:1a01::b", "2001:db8:1234:1a01::bb"]')
    weft.up(more)
    weft.inside("a", "ping", "-6", "-c1", "-W2", "2001:db8:1234:1a01::bb")
    weft.up(TOPOLOGY)
    weft.inside("a", "ping", "-6", "-c1", "-W1", "2001:db8:1234:1a01::bb", ok=(1,))
    equal(get(weft, "a", B), A, "and still")


main(scenario, TOPOLOGY)
