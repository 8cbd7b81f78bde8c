#!/usr/bin/env python3
"""iperf3 over TCP and UDP, with and without the offloads of the interfaces, over both families: everything that is sent arrives,
and nothing is dropped on the way."""
from weft_clients import no_drops, program
from weft_iperf import Run
from weft_scenario import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: 2001:db8:1234:1a00::/56}
subnets: [{name: main, cidr: 10.0.1.0/24, ipv6_cidr: 2001:db8:1234:1a01::/64}]
security_groups: [{name: measured, ingress: [{protocol: all, group: self}]}]
instances:
  - {name: a, interfaces: [{private_ip: 10.0.1.10, ipv6_addresses: ["2001:db8:1234:1a01::a"], security_groups: [measured]}]}
  - {name: b, interfaces: [{private_ip: 10.0.1.11, ipv6_addresses: ["2001:db8:1234:1a01::b"], security_groups: [measured]}]}
"""
B, B6 = "10.0.1.11", "2001:db8:1234:1a01::b"
OFFLOADS = ("tso", "gso", "gro", "tx", "rx")


def tcp(weft, address, *options):
    said = Run(weft, "a", "b", address, "-n", "24M", *options).report()["end"]
    # What lay in the sockets' buffers when the last byte had been written is not in the receiver's sum, which may be much of it;
    # that a transfer arrives bit for bit is transfer.py's.
    sent, received = said["sum_sent"]["bytes"], said["sum_received"]["bytes"]
    check(sent >= 24 << 20 and received > 0, f"iperf3 {options}: {sent} bytes sent, {received} received")
    return f"{said['sum_received']['bits_per_second'] / 1e9:.2f} ({said['sum_sent']['retransmits']})"


def kernel_lost(weft):
    """What b's kernel had no room for: iperf3's own process came too late, on a busy machine."""
    statistics = weft.inside("b", "cat", "/proc/net/snmp", "/proc/net/snmp6", "/sys/class/net/eth0/statistics/rx_dropped").splitlines()
    names, values = [line.split() for line in statistics if line.startswith("Udp: ")]
    six = next(line.split()[1] for line in statistics if line.startswith("Udp6RcvbufErrors"))
    return int(dict(zip(names, values))["RcvbufErrors"]) + int(six) + int(statistics[-1])


def udp(weft, address, size, rate=500):
    before = kernel_lost(weft)
    said = Run(weft, "a", "b", address, "-u", "-l", size, "-b", size * 8 * rate, "-t", 1).report()["end"]["sum"]
    check(said["packets"] > rate / 2, f"datagrams of {size} bytes: {said}")
    equal(said.get("out_of_order", 0), 0, f"datagrams of {size} bytes that were overtaken")
    late = kernel_lost(weft) - before
    check(said["lost_packets"] <= late, f"{said['lost_packets']} datagrams of {size} bytes were lost, {late} of them in b's kernel")


def scenario(weft):
    weft.up()
    before = weft.counters()
    for state in ("on", "off"):
        for guest in ("a", "b"):
            weft.inside(guest, program("ethtool"), "-K", "eth0", *(word for each in OFFLOADS for word in (each, state)))
        rates = [tcp(weft, B), tcp(weft, B, "-R"), tcp(weft, B6), tcp(weft, B, "-P", 4)]
        udp(weft, B, 1400)
        udp(weft, B6, 1400)
        udp(weft, B, 8900)
        print(f"offloads {state}: TCP, from the other end, IPv6, four streams: " + ", ".join(rates) + " Gbit/s (retransmissions)")
    udp(weft, B, 20000, 250)  # three fragments each, of which an ENI may send 1,024 a second (facts ec2 1.8)
    no_drops(weft, before)


main(scenario, TOPOLOGY)
