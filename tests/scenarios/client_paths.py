#!/usr/bin/env python3
"""tracepath and ping find the path's MTU: 9001 inside the VPC, 1500 through the internet gateway, where a packet with DF is
refused by the router and one without is fragmented (facts ec2 1.8; statements 13, 14)."""
from weft_clients import no_drops, program, says
from weft_scenario import main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: 2001:db8:1234:1a00::/56}
internet_gateway: {addresses: [198.51.100.10, "2001:db8::10"], public_pool: 203.0.113.0/24}
route_tables:
  - name: public
    main: true
    routes: [{destination: 0.0.0.0/0, target: internet_gateway}, {destination: "::/0", target: internet_gateway}]
subnets:
  - {name: main, cidr: 10.0.1.0/24, ipv6_cidr: 2001:db8:1234:1a01::/64}
  - {name: far, cidr: 10.0.2.0/24, ipv6_cidr: 2001:db8:1234:1a02::/64}
security_groups:
  - name: traced
    ingress: [{protocol: udp, ports: 40000-65535, group: self}, {protocol: icmp, type: 8, group: self}, {protocol: icmpv6, type: 128, group: self}]
instances:
  - {name: a, interfaces: [{subnet: main, private_ip: 10.0.1.10, ipv6_addresses: ["2001:db8:1234:1a01::a"], security_groups: [traced], associate_public_ip: true}]}
  - {name: b, interfaces: [{subnet: main, private_ip: 10.0.1.11, ipv6_addresses: ["2001:db8:1234:1a01::b"], security_groups: [traced]}]}
  - {name: c, interfaces: [{subnet: far, private_ip: 10.0.2.12, ipv6_addresses: ["2001:db8:1234:1a02::c"], security_groups: [traced]}]}
"""
B6, C6 = "2001:db8:1234:1a01::b", "2001:db8:1234:1a02::c"
INTERNET, INTERNET6 = "198.51.100.10", "2001:db8::10"


def tracepath(weft, address, *wanted):
    says(f"tracepath {address}", weft.inside("a", program("tracepath"), "-n", "-m", "6", address) + weft.stderr, *wanted)


def ping(weft, address, size, passes, *wanted, df="do"):
    """A ping of an IP packet of `size` bytes; asks for no more than it is told."""
    headers = 48 if ":" in address else 28
    said = weft.inside("a", "ping", "-n", "-c1", "-W5" if passes else "-W1", "-M", df, "-s", size - headers, address, ok=(0,) if passes else (1,))
    says(f"ping {address} with {size} bytes", said + weft.stderr, *(wanted or [f"{size - headers + 8} bytes from {address}", " 0% packet loss"]))


def scenario(weft):
    weft.up()
    before = weft.counters()
    for address in ("10.0.1.11", "10.0.2.12", B6, C6):  # the VPC's router takes nothing from the hop limit
        tracepath(weft, address, r"pmtu 9001\n", r"1: +\S+ .*reached", r"Resume: pmtu 9001 hops 1 back 1")
        ping(weft, address, 9001, True)
        ping(weft, address, 9002, False, r"message too long,? mtu[:=] ?9001")
    no_drops(weft, before)

    ping(weft, INTERNET, 1500, True)
    ping(weft, INTERNET6, 1500, True)
    ping(weft, INTERNET, 4000, True, df="dont")
    ping(weft, INTERNET, 1501, False, r"From 10\.0\.1\.1 .*Frag needed and DF set \(mtu = 1500\)")
    ping(weft, INTERNET6, 1501, False, r"Packet too big: mtu=1500")
    # Who was told keeps it for ten minutes; tracepath is to find out by itself.
    weft.inside("a", "sh", "-c", "ip route flush cache; ip -6 route flush cache")
    tracepath(weft, INTERNET, r"pmtu 9001\n", r"1: +10\.0\.1\.1 .*pmtu 1500\n", r"reached", r"Resume: pmtu 1500 hops 2 ")
    tracepath(weft, INTERNET6, r"pmtu 1500\n", r"reached", r"Resume: pmtu 1500 hops 2 ")
    no_drops(weft, before, but=("too-big", "time-to-live"))


main(scenario, TOPOLOGY)
