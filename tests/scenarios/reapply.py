#!/usr/bin/env python3
"""Applying again does the difference and nothing else: a running transfer does not notice, and a file that is wrong
or cannot be applied leaves what was there."""
from topologies import OPEN_PAIR
from weft_counters import arp, exchanged
from weft_scenario import check, equal, main

MEBIBYTES, RATE = 96, 16  # six seconds or more: longer than everything that happens beside it

THIRD = "  - {name: c, interfaces: [{private_ip: 10.0.1.12, security_groups: [open]}]}\n"


def identity(weft):
    """Everything of a and b that must not change: ids, MACs, VFs."""
    return [instance for instance in weft.ask("ps") if instance["name"] in ("a", "b")]


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    before = identity(weft)
    check("nothing to do" in weft.up(), "the same file again is nothing to do")

    with weft.step(arp("a", "b") + exchanged("a", "b")):
        receiver = weft.start("b", "receive", 5001)
        equal(receiver.line(), "ready", "the receiver")
        sender = weft.start("a", "send", "b", 5001, MEBIBYTES, RATE)

        plan = weft.up(OPEN_PAIR + THIRD)
        equal([line.split()[:3] for line in plan.splitlines() if line[0] in "+-~"], [["+", "instance", "c"]], "the plan")
        equal(identity(weft), before, "a and b")
        weft.prepare("c")
        # By getaddrinfo(), which asks no resolver for what is in the file; `getent hosts` would ask it for IPv6 first.
        equal(weft.inside("a", "getent", "ahostsv4", "c").split()[:3], ["10.0.1.12", "STREAM", "c"], "a knows c")

        # Wrong files: a sentence with line, key and EC2's code, and exit code 2.
        weft.up(OPEN_PAIR.replace("security_groups: [open]}]}", "security_groups: [opne]}]}", 1), ok=(2,))
        check("InvalidGroup.NotFound" in weft.stderr and "topology.yaml:9" in weft.stderr and "open" in weft.stderr,
              f"the error names code, line and what would be right: {weft.stderr}")
        weft.up("version: 1\nvpc: [", ok=(2,))
        equal([i["name"] for i in weft.ask("ps")], ["a", "b", "c"], "what runs after files that are wrong")

        weft.up(OPEN_PAIR)
        equal([i["name"] for i in weft.ask("ps")], ["a", "b"], "c is gone again")
        check("c" not in weft.inside("a", "cat", "/etc/hosts").split(), "a has forgotten c")
        equal(identity(weft), before, "a and b")

        check(sender.process.poll() is None, "the transfer was running all the time")
        equal(sender.line(60), receiver.line(60), "bytes and digest")

    check("nothing to do" in weft.up(), "and once more")


main(scenario, OPEN_PAIR)
