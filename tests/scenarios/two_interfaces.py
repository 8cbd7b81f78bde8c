#!/usr/bin/env python3
"""An instance with two ENIs in two subnets: each address answers through its own interface, and each ENI has its own
groups. What has eth1's address and would leave through eth0 were spoofed, and dropped."""
from weft_counters import answered, arp, delivered, dropped
from weft_scenario import equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: front, cidr: 10.0.1.0/24}
  - {name: back, cidr: 10.0.2.0/24}
security_groups:
  - name: open
    ingress: [{protocol: all, cidr: 0.0.0.0/0}]
  - name: closed
instances:
  - name: a
    interfaces:
      - {subnet: front, private_ip: 10.0.1.10, security_groups: [closed]}
      - {subnet: back, private_ip: 10.0.2.10, security_groups: [open]}
  - {name: b, interfaces: [{subnet: front, private_ip: 10.0.1.11, security_groups: [open]}]}
"""
ECHO = 98


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    first, second = weft.ask("ps")[0]["interfaces"]
    equal(weft.inside("a", "cat", "/sys/class/net/eth0/address", "/sys/class/net/eth1/address").split(),
          [first["mac"], second["mac"]], "MACs")

    # b is in the other subnet: a's eth1 asks its own router for the way there, and so does b.
    with weft.step(arp("a/1", "b") + delivered("a/1", "b", 1, ECHO) + delivered("b", "a/1", 1, ECHO)):
        weft.inside("a", "ping", "-c1", "-W2", "-I", "10.0.2.10", "10.0.1.11")
    with weft.step(delivered("b", "a/1", 1, ECHO) + delivered("a/1", "b", 1, ECHO)):
        weft.inside("b", "ping", "-c1", "-W2", "10.0.2.10")
    with weft.step(answered("a/1", ECHO)):
        weft.inside("a", "ping", "-c1", "-W2", "-I", "10.0.2.10", "10.0.2.1")

    # eth0 is the default, with a group that lets nothing in: it may speak, and be answered.
    with weft.step(arp("b") + dropped("b", "group-ingress", ECHO)):
        weft.inside("b", "ping", "-c1", "-W1", "10.0.1.10", ok=(1,))
    with weft.step(arp("a") + delivered("a", "b", 1, ECHO) + delivered("b", "a", 1, ECHO)):
        weft.inside("a", "ping", "-c1", "-W2", "10.0.1.11")


main(scenario, TOPOLOGY)
