#!/usr/bin/env python3
"""A large TCP transfer through both offloads arrives bit for bit, both ways at once, in super-segments."""
import time

from topologies import OPEN_PAIR
from weft_counters import arp, difference, exchanged
from weft_scenario import check, equal, main

MEBIBYTES = 64


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    before = weft.counters()
    with weft.step(arp("a", "b") + exchanged("a", "b")):
        receivers = {}
        for instance in ("a", "b"):
            receivers[instance] = weft.start(instance, "receive", 5001)
            equal(receivers[instance].line(), "ready", "a receiver")
        started = time.monotonic()
        senders = [weft.start("a", "send", "b", 5001, MEBIBYTES), weft.start("b", "send", "a", 5001, MEBIBYTES)]
        sent = [sender.line(120) for sender in senders]
        got = [receivers["b"].line(120), receivers["a"].line(120)]
        took = time.monotonic() - started
        equal(got, sent, "bytes and digests")
        equal(sent[0].split()[0], str(MEBIBYTES << 20), "the length")

    changed = difference(before, weft.counters())
    segment = changed["a tx_bytes"] / changed["a tx_packets"]
    print(f"{2 * MEBIBYTES / took:.0f} MiB/s (both ways together, hashing included); {segment:.0f} bytes a frame")
    check(segment > 9015 / 2, "frames are larger than acknowledgements and small segments alone would be")


main(scenario, OPEN_PAIR)
