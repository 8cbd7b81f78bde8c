#!/usr/bin/env python3
"""Faults that the engine cannot bring about are refused in one sentence, by the file and by `weft fault`, and nothing
changes: not what is deployed, not what is in the way of a packet. The ways between instances can be asked for."""
from topologies import OPEN_PAIR
from weft_counters import arp, delivered
from weft_scenario import check, equal, main

SLOW = "faults:\n  - {name: slow, to: b, latency: 50us}\n"
ECHO = 98  # ping's frame: Ethernet 14, IPv4 20, ICMP 8, data 56


def refused(weft, *words, code, says):
    weft.run(*words, ok=(code,))
    check(says in weft.stderr, f"weft {' '.join(words)} says {says}: {weft.stderr}")


def scenario(weft):
    weft.up(OPEN_PAIR + SLOW, ok=(1,))
    check("Unsupported" in weft.stderr, f"the file's faults are refused: {weft.stderr}")
    weft.up(OPEN_PAIR)
    before = weft.ask("ps")
    for topology in (OPEN_PAIR + SLOW, OPEN_PAIR + "fabric: {spines: 4}\n"):
        weft.up(topology, ok=(1,))
        check("Unsupported" in weft.stderr, f"and while it runs: {weft.stderr}")
    refused(weft, "fault", "set", "slow", "--to", "b", "--latency", "50us", code=1, says="Unsupported")
    refused(weft, "fault", "set", "--loss", "every:10", code=1, says="Unsupported")
    equal(weft.ask("fault", "list"), [], "faults")
    equal(weft.ask("ps"), before, "what is deployed")

    # What is wrong with a fault itself is said first, with its key and what would be right.
    refused(weft, "fault", "set", "--latency", "50", code=2, says="latency: '50' is no time")
    refused(weft, "fault", "set", "--down", "--from", "bb", code=2, says="InvalidInstanceID.NotFound")
    refused(weft, "fault", "set", "--down", "--path", "1", code=2, says="path: there is no path 1")
    refused(weft, "fault", "clear", "slow", code=2, says="InvalidFault.NotFound")
    check("nothing to do" in weft.run("fault", "clear", "--all"), "there is nothing to clear")

    paths = weft.ask("paths", "a", "b")
    check(all(path["state"] == "up" and path["summary"] == "nothing" for path in paths), f"nothing is wrong: {paths}")
    equal(sorted({(path["from"], path["to"]) for path in paths}), [("a", "b"), ("b", "a")], "both directions")
    refused(weft, "paths", "a", "c", code=2, says="InvalidInstanceID.NotFound")

    weft.prepare("a", "b")
    with weft.step(arp("a", "b") + delivered("a", "b", 1, ECHO) + delivered("b", "a", 1, ECHO)):
        weft.inside("a", "ping", "-c1", "-W2", "b")


main(scenario, OPEN_PAIR)
