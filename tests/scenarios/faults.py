#!/usr/bin/env python3
"""Faults of the underlay, set while packets flow: delay is felt, loss is counted exactly and named, and what is cleared is
as before. TCP carries its bytes whole over all of it at once. A fault of the file comes with `weft up`; one that was set is
left alone by it."""
import re

from topologies import OPEN_PAIR
from weft_scenario import check, equal, main

SLOW = "faults:\n  - {name: declared, to: b, latency: 30ms}\n"
DELAY_MS = 30  # far above what a busy machine adds to an undisturbed ping


def fastest(weft, count=4):
    said = weft.inside("a", "ping", f"-c{count}", "-i0.05", "-W2", "b")
    return float(re.search(r"= ([0-9.]+)/", said).group(1))


def received(weft, count):
    said = weft.inside("a", "ping", f"-c{count}", "-i0.05", "-W1", "b", ok=(0, 1))
    return int(re.search(r"(\d+) received", said).group(1))


def drops(weft, reason):
    return sum(nic["drops"].get(reason, 0) for nic in weft.ask("stats")["interfaces"])


def carries_tcp(weft, mebibytes=8):
    receiver = weft.start("b", "receive", 5001)
    equal(receiver.line(), "ready", "a receiver")
    sender = weft.start("a", "send", "b", 5001, mebibytes)
    sent = sender.line(120)
    equal(receiver.line(120), sent, "bytes and digest")
    equal(sent.split()[0], str(mebibytes << 20), "the length")


def refused(weft, *words, code, says):
    weft.run(*words, ok=(code,))
    check(says in weft.stderr, f"weft {' '.join(words)} says {says}: {weft.stderr}")


def scenario(weft):
    weft.up(OPEN_PAIR)
    weft.prepare("a", "b")
    check(fastest(weft) < DELAY_MS, "nothing is slow yet")

    weft.run("fault", "set", "slow", "--to", "b", "--latency", f"{DELAY_MS}ms")
    check(fastest(weft) >= DELAY_MS, "the delay is felt")
    paths = weft.ask("paths", "a", "b")
    equal([path["impairment"]["latency_ns"] for path in paths], [DELAY_MS * 1_000_000, 0], "in one direction")
    weft.run("fault", "clear", "slow")
    check(fastest(weft) < DELAY_MS, "and is gone")

    weft.run("fault", "set", "lossy", "--from", "a", "--loss", "every:4")
    equal(received(weft, 16), 12, "answers when each fourth is lost")
    equal(drops(weft, "fabric-loss"), 4, "packets lost in the fabric")
    check("fabric-loss" in weft.run("flows", "--drops"), "the drop has its name")
    weft.up(OPEN_PAIR + SLOW)
    equal([fault["name"] for fault in weft.ask("fault", "list")], ["declared", "lossy"], "faults of file and daemon")
    check(fastest(weft) >= DELAY_MS, "the file's delay is felt")
    refused(weft, "fault", "set", "declared", "--down", code=2, says="InvalidFault.Duplicate")
    refused(weft, "fault", "clear", "declared", code=2, says="InvalidFault.Declared")
    weft.up(OPEN_PAIR)
    weft.run("fault", "clear", "--all")

    weft.run("fault", "set", "cut", "--down")
    equal(received(weft, 3), 0, "answers while every path is down")
    equal(drops(weft, "fabric-down"), 3, "packets that found it down")
    weft.run("fault", "clear", "cut")
    equal(received(weft, 8), 8, "answers once everything is cleared")

    weft.run("fault", "set", "fire", "--loss", "every:50", "--duplicate", "1%", "--corrupt", "0.5%", "--latency", "100us",
             "--reorder", "5%", "--reorder-by", "300us")
    lost = drops(weft, "fabric-loss")
    carries_tcp(weft)
    check(drops(weft, "fabric-loss") > lost, "some of it was lost on the way")
    weft.run("fault", "clear", "fire")

    refused(weft, "fault", "set", "--latency", "50", code=2, says="latency: '50' is no time")
    refused(weft, "fault", "set", "--down", "--from", "bb", code=2, says="InvalidInstanceID.NotFound")
    refused(weft, "fault", "set", "--down", "--path", "1", code=2, says="path: there is no path 1")
    refused(weft, "fault", "clear", "slow", code=2, says="InvalidFault.NotFound")
    refused(weft, "paths", "a", "c", code=2, says="InvalidInstanceID.NotFound")


main(scenario, OPEN_PAIR)
