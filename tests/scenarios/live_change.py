#!/usr/bin/env python3
"""Every kind of edit under traffic: numbered datagrams go from a to b (IPv4 and IPv6), to another subnet and through the internet
gateway, while everything else changes. Not one number is missing, none comes twice, no port restarts (issue 3: live change)."""
import time

from live_edits import EDITS, START, text
from weft_api import Api
from weft_scenario import check, equal, main

RATE = 250  # of each stream: a second of it fits into the queue of a TAP
STREAMS = {"to b": ("b", "10.0.1.11", 7001), "to b, IPv6": ("b", "2001:db8:1234:1a01::b", 7002), "to far": ("far", "10.0.2.12", 7003),
           "to the internet": ("internet", "198.51.100.10", 7004)}


class Streams:
    def __init__(self, weft):
        self.receivers = {name: weft.start(where, "tally", port) for name, (where, _, port) in STREAMS.items()}
        for receiver in self.receivers.values():
            equal(receiver.line(), "ready", "a receiver")
        self.sender = weft.start("a", "number", RATE, *(word for _, address, port in STREAMS.values() for word in (address, port)))

    def state(self, name):
        self.receivers[name].say("?")
        return [int(word) for word in self.receivers[name].line().split()]

    def check(self, when, at_least=None):
        """All numbers up to the highest have come, and the highest grows: a stream that stands still misses none."""
        for name in STREAMS:
            before, deadline = at_least or self.state(name)[0] + 5, time.monotonic() + 20
            while (state := self.state(name))[0] < before and time.monotonic() < deadline:
                time.sleep(0.02)
            highest, different, twice, dropped = state
            check(highest >= before, f"{when}: {name} stands still at {highest}")
            check(highest - different <= dropped, f"{when}: {highest - different} of {highest} packets {name} are missing, of which "
                                                  f"the receiving kernel dropped {dropped}")
            equal(twice, 0, f"{when}: packets {name} that came twice")

    def end(self):
        self.sender.process.stdin.close()
        sent = int(self.sender.line())
        self.check("at the end", at_least=sent)
        return sent


def ports(weft):
    """What a port that was made anew would change."""
    return [weft.inside(guest, "sh", "-c", "readlink /proc/self/ns/net; cat /sys/class/net/eth0/ifindex /sys/class/net/eth0/carrier_changes")
            for guest in ("a", "b", "far", "internet")]


def scenario(weft):
    weft.up(text(START))
    api, streams = Api(weft.directory / "run"), Streams(weft)
    streams.check("before any edit")
    before, took = ports(weft), {}
    for name, edit in EDITS:
        started = time.monotonic()
        if isinstance(edit, str):
            status, said = api.ask("POST", edit)
            check(status == 200, f"{name}: {status} {said}")
        else:
            said = api.apply(text(edit, weft.directory))
            check(said["changes"], f"{name}: nothing to do")
            equal(said["warnings"], [], name)
        took[name] = 1000 * (time.monotonic() - started)
        streams.check(name)
    weft.run("capture", "a", "b", "-w", weft.directory / "live.pcapng", "-c", 100)
    streams.check("a capture that began and ended")
    equal(ports(weft), before, "namespaces and interfaces of the four")
    sent = streams.end()
    slowest = sorted(took, key=took.get)[-3:]
    print(f"{len(EDITS)} edits, {sent} packets in each of {len(STREAMS)} streams; the slowest edits: " +
          ", ".join(f"{name} {took[name]:.0f} ms" for name in reversed(slowest)))
    check(weft.ask("stats")["balance"]["holds"], "the balance")
    lost = {key: value for key, value in weft.counters().items() if key.startswith(("a drops.", "b drops.", "far drops.")) and value}
    equal(lost, {}, "drops of the four")


main(scenario, text(START))
