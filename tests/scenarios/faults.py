#!/usr/bin/env python3
"""Faults of the underlay, set while packets flow: delay is felt, loss is counted exactly and named, and what is cleared is
as before. TCP carries its bytes whole over all of it at once. A fault of the file comes with `weft up`; one that was set is
left alone by it. `weft paths` says which path lost what, and how flows spread over all of them."""
import json
import re
import subprocess
import time

from topologies import OPEN_PAIR
from weft_scenario import check, equal, main

SLOW = "faults:\n  - {name: declared, to: b, latency: 30ms}\n"
# Two racks, which a spread group makes sure of, and four paths between them that all take their time.
RACKS = OPEN_PAIR.replace("interfaces:", "placement_group: apart, interfaces:") + (
    "placement_groups:\n  - {name: apart, strategy: spread}\nfabric: {spines: 4, spine: {latency: 5us}}\n")
PATHS, FLOWS = 4, 1000
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


def paths_once(weft, packets, seconds=10):
    """weft paths a b, by direction, as soon as `packets` have been counted from a to b; a busy machine takes its time."""
    deadline = time.monotonic() + seconds
    while True:
        paths = weft.ask("paths", "a", "b")
        there, back = ([path for path in paths if path["from"] == end] for end in ("a", "b"))
        if sum(path["packets"] for path in there) == packets or time.monotonic() > deadline:
            return there, back
        time.sleep(0.05)


def counts_by_path(weft):
    weft.down()  # who runs cannot move into a group, and counters begin at 0
    weft.up(RACKS)
    weft.prepare("a", "b")
    weft.run("fault", "set", "lossy", "--path", "2", "--from", "a", "--loss", "100%")
    weft.guest("a", "flows", "b", 9, FLOWS)
    there, back = paths_once(weft, FLOWS)
    equal([path["path"] for path in there], list(range(PATHS)), "the paths there")
    equal(len(back), PATHS, "as many paths back")
    equal(sum(path["packets"] for path in there), FLOWS, "packets on all paths")
    for path in there:
        # Of 1000 flows 250 a path, give or take 14 (binomial); five times that is one run in a million.
        check(abs(path["share"] - 1 / PATHS) < 0.07, f"flows spread over all paths: {path['share']} on path {path['path']}")
        lossy = path["path"] == 2
        equal(path["lost"], {"down": 0, "loss": path["packets"] if lossy else 0, "queue": 0}, f"lost on path {path['path']}")
        equal((path["loss_ratio"], path["state"]), (1, "impaired") if lossy else (0, "up"), f"path {path['path']}")
        equal((path["latency_ns"], path["latency_both_ways_ns"]), (5000, 10000), "what is configured")
    check(all(path["state"] == "up" and path["loss_ratio"] == 0 for path in back), f"nothing is wrong on the way back: {back}")
    equal(drops(weft, "fabric-loss"), there[2]["lost"]["loss"], "the drops of its name are those")
    check(re.search(r"^2 +impaired .* 100.0 % \(\d+ loss\)", weft.run("paths", "a", "b"), re.M), "and people can read it")
    weft.run("fault", "clear", "lossy")


def shows_again_and_again(weft):
    looks = subprocess.Popen([weft.program, "paths", "a", "b", "--interval", "0.1", "-o", "json"], env=weft.environment,
                             text=True, stdout=subprocess.PIPE)
    try:
        for expected, when in ((FLOWS, "so far"), (0, "in a tenth of a second")):
            paths = json.loads(looks.stdout.readline())
            equal(sum(path["packets"] for path in paths if path["from"] == "a"), expected, f"packets {when}")
        looks.stdout.close()
        equal(looks.wait(20), 0, "the exit code once nobody reads")
    finally:
        looks.kill()


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
    counts_by_path(weft)
    shows_again_and_again(weft)


main(scenario, OPEN_PAIR)
