#!/usr/bin/env python3
"""Two instances reach each other by name and address, and their subnet's router; the fabric answers ARP."""
from topologies import OPEN_PAIR
from weft_counters import NOTHING, answered, arp, delivered, dropped
from weft_scenario import check, equal, main

ECHO = 98  # ping's frame: Ethernet 14, IPv4 20, ICMP 8, data 56


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")

    with weft.step(arp("a", "b") + delivered("a", "b", 1, ECHO) + delivered("b", "a", 1, ECHO)):
        weft.inside("a", "ping", "-c1", "-W2", "b")
    with weft.step(delivered("b", "a", 3, ECHO) + delivered("a", "b", 3, ECHO)):
        weft.inside("b", "ping", "-c3", "-i0.05", "-W2", "10.0.1.10")
    with weft.step(arp("a") + answered("a", ECHO, 2)):
        weft.inside("a", "ping", "-c2", "-i0.05", "-W2", "10.0.1.1")

    # The largest packet of a VPC goes whole: 9001 of IP, 14 of Ethernet.
    with weft.step(delivered("a", "b", 1, 9015) + delivered("b", "a", 1, 9015)):
        weft.inside("a", "ping", "-c1", "-W2", "-M", "do", "-s", str(9001 - 28), "b")
    with weft.step(NOTHING):
        weft.inside("a", "ping", "-c1", "-W1", "-M", "do", "-s", str(9001 - 27), "b", ok=(1,))

    # Nobody has .99, so nobody answers for it; the kernel asks three times, a second apart.
    with weft.step(dropped("a", "arp-unanswered", 42, 3)):
        weft.inside("a", "ping", "-c1", "-W4", "10.0.1.99", ok=(1,))
    # Another subnet's address goes to the router's MAC, and there is nobody behind it.
    with weft.step(dropped("a", "no-such-address", ECHO)):
        weft.inside("a", "ping", "-c1", "-W1", "10.0.2.5", ok=(1,))
    with weft.step(dropped("a", "no-route", ECHO)):
        weft.inside("a", "ping", "-c1", "-W1", "192.0.2.1", ok=(1,))

    flows = weft.ask("flows")
    equal({(flow["initiator"]["instance"], flow["responder"]["instance"]) for flow in flows}, {("a", "b"), ("b", "a")},
          "the pings' flows")
    check(all(flow["tuple"]["protocol"] == "icmp" for flow in flows), f"all are ICMP: {flows}")


main(scenario, OPEN_PAIR)
