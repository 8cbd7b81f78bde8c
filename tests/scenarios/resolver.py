#!/usr/bin/env python3
"""Programs of an instance find the VPC's resolver by /etc/resolv.conf: libc and dig get its names, what is in /etc/hosts is
asked of nobody, and a name from outside is refused at once instead of after a time-out."""
import time

from topologies import OPEN_PAIR
from weft_counters import NOTHING
from weft_scenario import check, equal, main

PATIENCE = 4  # seconds; libc waits five for an answer that does not come, and asks twice


def quickly(weft, *command, ok):
    begin = time.monotonic()
    text = weft.inside("a", *command, ok=ok)
    took = time.monotonic() - begin
    check(took < PATIENCE, f"{command} took {took:.1f} s")
    return text


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    resolver = weft.inside("a", "cat", "/etc/resolv.conf")
    check("nameserver 10.0.0.2\nsearch ec2.internal\n" in resolver, resolver)

    # libc: by the whole name, by the search domain, and back. None of these is in /etc/hosts.
    for name in ("ip-10-0-1-11.ec2.internal", "ip-10-0-1-11", "b.ec2.internal"):
        check("10.0.1.11" in weft.inside("a", "getent", "ahosts", name), f"libc's address of {name}")
    equal(weft.inside("a", "dig", "+short", "b.ec2.internal").strip(), "10.0.1.11", "dig's address of b")
    equal(weft.inside("a", "dig", "+short", "+search", "b").strip(), "10.0.1.11", "dig's address of b, by the search domain")
    equal(weft.inside("a", "dig", "+short", "-x", "10.0.1.11").strip(), "ip-10-0-1-11.ec2.internal.", "dig's name of b")

    # What is in /etc/hosts costs no packet: getaddrinfo() is content with one family of it.
    with weft.step(NOTHING):
        for database in ("ahosts", "ahostsv4"):
            weft.inside("a", "getent", database, "b")
        weft.inside("a", "getent", "hosts", "10.0.1.11")

    # Nobody has these; the resolver says so, and libc waits for nothing.
    quickly(weft, "getent", "ahosts", "nobody.ec2.internal", ok=(2,))
    quickly(weft, "getent", "ahosts", "www.example.com", ok=(2,))
    quickly(weft, "getent", "hosts", "192.0.2.1", ok=(2,))
    check("REFUSED" in quickly(weft, "dig", "www.example.com", ok=(0,)), "the resolver refuses what is outside")

    # Turned off, live: the file names nobody who answers, and that is found out at once too.
    weft.up(OPEN_PAIR.replace("{cidr: 10.0.0.0/16}", "{cidr: 10.0.0.0/16, dns_support: false}"))
    check("10.0.0.2" not in weft.inside("a", "cat", "/etc/resolv.conf"), "no resolver in the file")
    quickly(weft, "getent", "ahosts", "b.ec2.internal", ok=(2,))
    weft.inside("a", "getent", "hosts", "b")
    weft.up(OPEN_PAIR)
    check("10.0.1.11" in weft.inside("a", "getent", "ahosts", "b.ec2.internal"), "and back")


main(scenario, OPEN_PAIR)
