#!/usr/bin/env python3
"""Virtual functions: what `weft vf` says of them, and what `weft vf set` and the file's `vf:` do to packets."""
import re
import time

from topologies import OPEN_PAIR
from weft_scenario import check, equal, main

B = "10.0.1.11"
OTHER_MAC = "02:aa:bb:cc:dd:ee"


def function(weft, instance):
    return next(one for one in weft.ask("vf")["functions"] if one["instance"] == instance)


def counters(weft, instance):
    return function(weft, instance)["statistics"]


def drops(weft, instance, reason):
    return next(nic for nic in weft.ask("stats")["interfaces"] if nic["instance"] == instance)["drops"].get(reason, 0)


def reaches(weft, source="a", destination=B, wait=5):
    return weft.run("exec", source, "--", "ping", "-c1", f"-W{wait}", destination, ok=(0, 1)).find(" 0% packet loss") >= 0


def what_there_is(weft):
    vfs = weft.ask("vf")
    equal([one["interface"] for one in vfs["functions"]], ["a/eth0", "b/eth0"], "functions in use, by index")
    equal(vfs["free"], [[2, vfs["total"] - 1]], "the others are free")
    a = vfs["functions"][0]
    nic = next(one for one in weft.interfaces() if one["instance"] == "a")
    equal((a["mac"], a["eni"]), (nic["mac"], nic["id"]), "whose it is")
    equal((a["spoof_check"], a["trust"], a["link"], a["link_up"], a["max_tx_rate_mbps"]), (True, False, "auto", True, 0), "as EC2 has it")
    table = weft.run("vf")
    check(re.search(r"^0 +a/eth0 +eni-\w+ +02:", table, re.M) and "free: 2-" in table, table)


def the_link(weft):
    check("link disable" in weft.run("vf", "set", "b", "--link", "disable"), "the change is shown")
    before = drops(weft, "a", "link-down")
    check(not reaches(weft, wait=1), "nothing passes")
    check(drops(weft, "a", "link-down") > before, "what was sent to it is a drop by name")
    flags = weft.inside("b", "ip", "-o", "link", "show", "eth0")
    check("NO-CARRIER" in flags and re.search(r"<[^>]*\bUP\b", flags), f"the guest sees no carrier, and its interface stays up: {flags}")
    equal(function(weft, "b")["link_up"], False, "what it is now")
    check("nothing to do" in weft.up(), "the same file changes nothing")
    equal(function(weft, "b")["link"], "disable", "and what was set stays")
    weft.run("vf", "set", "b/eth0", "--link", "enable")
    check("NO-CARRIER" not in weft.inside("b", "ip", "-o", "link", "show", "eth0"), "the carrier is back")
    check(reaches(weft), "and so are the packets")
    weft.run("vf", "set", "b", "--link", "auto")


def spoofing(weft):
    """A frame with a MAC that is not the guest's, then one with an address that is not."""
    nic = {one["instance"]: one for one in weft.interfaces()}
    to = nic["b"]["mac"].replace(":", "")

    def frame(mac, address):
        ip = f"4500001c00000000401100000a0001{address:02x}0a00010b"
        words = [int(ip[i:i + 4], 16) for i in range(0, 40, 4)]
        total = sum(words)
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        ip = ip[:20] + f"{~total & 0xffff:04x}" + ip[24:]
        return to + mac.replace(":", "") + "0800" + ip + "1000100100080000"

    foreign_mac, foreign_address = frame(OTHER_MAC, 10), frame(nic["a"]["mac"], 77)
    before = counters(weft, "a")["spoofed"]
    weft.guest("a", "frames", foreign_mac, foreign_address)
    wait_for(lambda: counters(weft, "a")["spoofed"] == before + 2, "two spoofed frames are counted")
    weft.run("vf", "set", "a", "--spoof-check", "off")
    received = counters(weft, "b")["rx_packets"]
    weft.guest("a", "frames", foreign_mac, foreign_address)
    wait_for(lambda: counters(weft, "b")["rx_packets"] >= received + 2, "without the check both arrive")
    equal(counters(weft, "a")["spoofed"], before + 2, "and none is spoofed")
    weft.run("vf", "set", "a", "--spoof-check", "on")


def a_mac_of_its_own(weft):
    own = function(weft, "a")["mac"]
    weft.inside("a", "ip", "link", "set", "eth0", "address", OTHER_MAC)
    check(not reaches(weft, wait=1), "a guest that is not trusted has the MAC that it was given")
    weft.run("vf", "set", "a", "--trust", "on")
    check(reaches(weft), "a trusted one may choose, and gets what is for it")
    weft.inside("a", "ip", "link", "set", "eth0", "address", own)
    check(reaches(weft), "and may go back")
    weft.run("vf", "set", "a", "--trust", "off")
    check(reaches(weft), "to what it is without trust")


def the_rate(weft):
    """Seventy kilobytes at once, then as much again: at 1 Mbps there are 64 KiB of burst, and no more for half a second."""
    before = drops(weft, "a", "vf-rate")
    check("rate 1Mbps" in weft.run("vf", "set", "a", "--rate", "1Mbit"), "the change is shown")
    weft.inside("a", "ping", "-q", "-c100", "-i0.002", "-s1400", "-W1", B, ok=(0, 1))
    check(drops(weft, "a", "vf-rate") > before, "the excess is dropped")
    check(counters(weft, "a")["over_rate"] == drops(weft, "a", "vf-rate"), "`weft vf` counts it")
    weft.run("vf", "set", "a", "--rate", 0)
    after = drops(weft, "a", "vf-rate")
    weft.inside("a", "ping", "-q", "-c100", "-i0.002", "-s1400", "-W5", B)
    equal(drops(weft, "a", "vf-rate"), after, "drops without a rate")


def the_file(weft):
    declared = OPEN_PAIR.replace("{name: a, interfaces: [{", "{name: a, interfaces: [{vf: {rate: 50Mbps, trust: true}, ")
    check("rate 50Mbps, trust on" in weft.up(declared), "what the file declares is in the plan")
    weft.run("vf", "set", "a", "--rate", "2Gbit")
    check("nothing to do" in weft.up(declared), "what was set is no difference from the same file")
    equal(function(weft, "a")["max_tx_rate_mbps"], 2000, "and stays")
    weft.up(declared.replace("50Mbps", "60Mbps"))
    equal((function(weft, "a")["max_tx_rate_mbps"], function(weft, "a")["trust"]), (60, True), "the file's new word counts")
    weft.up(OPEN_PAIR)
    equal((function(weft, "a")["max_tx_rate_mbps"], function(weft, "a")["trust"]), (0, False), "and so does its silence")
    check("vf.link" in refused(weft, declared.replace("trust: true", "link: up")), "a word that is none is named with its key")


def refused(weft, topology):
    weft.up(topology, ok=(2,))
    said = weft.stderr
    weft.topology.write_text(OPEN_PAIR)
    return said


def over_a_death(weft):
    weft.run("vf", "set", "a", "--rate", "7Mbit", "--link", "disable")
    weft.kill_daemon()
    check("nothing to do" in weft.up(), "the next weftd takes everything back")
    a = function(weft, "a")
    equal((a["max_tx_rate_mbps"], a["link"], a["link_up"]), (7, "disable", False), "with what was set")
    weft.run("vf", "set", "a", "--rate", "0", "--link", "auto")
    check(reaches(weft), "and it can be set again")


def wait_for(condition, what):

    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    check(condition(), what)


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    what_there_is(weft)
    the_link(weft)
    spoofing(weft)
    a_mac_of_its_own(weft)
    the_rate(weft)
    the_file(weft)
    over_a_death(weft)
    for words in (["nobody"], ["a"], ["a", "--rate", "fast"], ["a", "--link", "up"]):
        weft.run("vf", "set", *words, *([] if len(words) > 1 or words == ["a"] else ["--trust", "on"]), ok=(1, 2))


main(scenario, OPEN_PAIR)
