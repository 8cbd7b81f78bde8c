#!/usr/bin/env python3
"""nmap sees the ports exactly as the groups say: open and closed where a rule lets it in, filtered everywhere else; over TCP,
UDP and IPv6; and one more as soon as there is a rule for it (facts ec2 2.1, 2.4; statements 16, 17)."""
import xml.etree.ElementTree

from weft_clients import program, says
from weft_scenario import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: 2001:db8:1234:1a00::/56}
subnets: [{name: main, cidr: 10.0.1.0/24, ipv6_cidr: 2001:db8:1234:1a01::/64}]
security_groups:
  - {name: scanner}
  - name: server
    ingress:
      - {protocol: tcp, port: 22, group: scanner}
      - {protocol: tcp, ports: 80-82, group: scanner}
      - {protocol: tcp, port: 90, cidr: 10.0.9.0/24}
      - {protocol: udp, ports: 53-54, group: scanner}
      - {protocol: tcp, port: 84, cidr: "2001:db8:1234:1a01::/64"}
    egress: []
instances:
  - {name: a, interfaces: [{private_ip: 10.0.1.10, ipv6_addresses: ["2001:db8:1234:1a01::a"], security_groups: [scanner]}]}
  - {name: b, interfaces: [{private_ip: 10.0.1.11, ipv6_addresses: ["2001:db8:1234:1a01::b"], security_groups: [server]}]}
"""
B6 = "2001:db8:1234:1a01::b"
PORT_22, PORT_90 = "      - {protocol: tcp, port: 22, group: scanner}\n", "      - {protocol: tcp, port: 90, cidr: 10.0.1.0/24}\n"


def scan(weft, address, how, ports):
    """{port: state}. It waits for answers as long as a busy machine may take, for all ports at once."""
    found = weft.inside("a", program("nmap"), how, "-n", "-Pn", "--disable-arp-ping", "-p", ports, "--max-retries", 1, "--min-parallelism", 64,
                        "--initial-rtt-timeout", "1200ms", "--min-rtt-timeout", "1000ms", "--max-rtt-timeout", "1500ms",
                        *(["-6"] if ":" in address else []), "-oX", "-", address, timeout=120)
    says("nmap", weft.stderr)
    report = xml.etree.ElementTree.fromstring(found)
    states = {int(port.get("portid")): port.find("state").get("state") for port in report.iter("port")}
    for many in report.iter("extraports"):  # those of the commonest state, in one
        check(many.get("state") not in ("open", "closed") and set(states.values()) <= {"open", "closed"}, f"nmap's ports:\n{found}")
        states |= {port: many.get("state") for port in numbers(ports) if port not in states}
    return states


def numbers(ports):
    ranges = [[int(end) for end in each.split("-")] for each in ports.split(",")]
    return [port for each in ranges for port in range(each[0], each[-1] + 1)]


def expected(ports, rest="filtered", **states):
    """All of them are `rest` but those named: open=(80,), closed=(22, 81)."""
    return dict.fromkeys(numbers(ports), rest) | {port: state for state, some in states.items() for port in some}


def scenario(weft):
    weft.up()
    for port in (22, 80, 85, 90):  # over IPv4 alone; 85 and 90 have no rule
        equal(weft.start("b", "serve", port).line(), "ready", "a server")
    equal(weft.start("b", "serve6", 84).line(), "ready", "a server of IPv6")
    equal(weft.start("b", "echo", 53).line(), "ready", "a server of UDP")

    def sees(address, how, ports, **states):
        equal(scan(weft, address, how, ports), expected(ports, **states), f"nmap {how} {address}")

    sees("10.0.1.11", "-sS", "20-24,60-99", open=(22, 80), closed=(81, 82))
    sees(B6, "-sS", "79-85", open=(84,), closed=(80, 81, 82))
    sees("10.0.1.11", "-sU", "53-56", rest="open|filtered", open=(53,), closed=(54,))

    # Live: one rule goes, one comes.
    weft.up(TOPOLOGY.replace(PORT_22, PORT_90))
    sees("10.0.1.11", "-sS", "20-24,88-92", open=(90,))


main(scenario, TOPOLOGY)
