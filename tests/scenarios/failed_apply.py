#!/usr/bin/env python3
"""An apply that fails half-way, here because the kernel makes no further namespaces, removes what it had made and leaves
what ran. Without root only: the limit is the user namespace's, so no other program of this machine meets it."""
from topologies import OPEN_PAIR
from weft_counters import NOTHING, arp, delivered
from weft_scenario import check, equal, main

MORE = "".join(f"  - {{name: c{i}, interfaces: [{{private_ip: 10.0.1.2{i}, security_groups: [open]}}]}}\n" for i in range(4))


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    before = weft.ask("ps")
    hosts = weft.inside("a", "cat", "/etc/hosts")
    # The holder's own, those of a and b, and two of the four that are to come.
    limit = "/proc/sys/user/max_net_namespaces"
    usual = weft.inside("a", "cat", limit).strip()
    weft.inside("a", "sh", "-c", f"echo 5 > {limit}")

    with weft.step(NOTHING):
        weft.up(OPEN_PAIR + MORE, ok=(4,))
        check("cannot make network" in weft.stderr, f"the error says which step failed: {weft.stderr}")
    equal(weft.ask("ps"), before, "the deployment after the failure")
    equal(weft.inside("a", "cat", "/etc/hosts"), hosts, "/etc/hosts")
    weft.inside("c0", "true", ok=(1, 2))
    with weft.step(arp("a", "b") + delivered("a", "b", 1, 98) + delivered("b", "a", 1, 98)):
        weft.inside("a", "ping", "-c1", "-W2", "b")

    weft.inside("a", "sh", "-c", f"echo {usual} > {limit}")
    weft.up(OPEN_PAIR + MORE)
    equal(len(weft.ask("ps")), 6, "instances once it is possible")


main(scenario, OPEN_PAIR, needs="rootless")
