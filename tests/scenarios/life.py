#!/usr/bin/env python3
"""Stop, start, reboot, terminate: what ends, what stays the same, and what the others notice of it (facts ec2 3.3)."""
import time

from topologies import OPEN_PAIR
from weft_counters import arp, delivered, dropped
from weft_scenario import check, equal, main

ECHO = 98


def instance(weft, name):
    return next((one for one in weft.ask("ps") if one["name"] == name), None)


def what_stays(weft, name):
    """Statement 31: the private address and the MAC; and what it is and where it is attached."""
    one = instance(weft, name)
    return one["id"], [(nic["id"], nic["mac"], nic["private_ip"], nic["vf"]) for nic in one["interfaces"]]


def seen_inside(weft, name):
    return weft.inside(name, "sh", "-c", "cat /sys/class/net/eth0/address; hostname; ip -o -4 addr show eth0 | awk '{print $4}'")


def states(weft, *words, ok=(0,)):
    return [(one["previous_state"], one["state"]) for one in weft.ask(*words, ok=ok)]


def stop_and_start(weft):
    stays, seen = what_stays(weft, "b"), seen_inside(weft, "b")
    runs = weft.start("b", "sleep")  # ignores SIGTERM
    equal(runs.line(), "ready", "what runs in b")
    started = time.monotonic()
    equal(states(weft, "stop", "b"), [("running", "stopped")], "stop")
    print(f"stopped after {time.monotonic() - started:.2f} s")
    equal(runs.process.wait(10), -9, "what ran in b, after SIGTERM and a second")
    equal((what_stays(weft, "b"), instance(weft, "b")["state"]), (stays, "stopped"), "statement 31: b while it is stopped")
    weft.inside("b", "true", ok=(1,))
    check("IncorrectInstanceState" in weft.stderr and "weft start b" in weft.stderr, f"exec says why: {weft.stderr}")
    weft.run("reboot", "b", ok=(1,))
    check("IncorrectInstanceState" in weft.stderr, f"reboot says why: {weft.stderr}")
    with weft.step(dropped("a", "link-down", ECHO)):  # its neighbour entry is still there; nobody is plugged in
        weft.inside("a", "ping", "-c1", "-W1", "10.0.1.11", ok=(1,))
    check("nothing to do" in weft.up(), "a stopped instance is no difference to the file")
    equal(instance(weft, "b")["state"], "stopped", "and up starts nothing")

    weft.kill_daemon()  # within the grace period the next daemon takes over what there is
    check("nothing to do" in weft.up(), "after a daemon that died, too")
    equal((what_stays(weft, "b"), instance(weft, "b")["state"]), (stays, "stopped"), "b under another daemon")

    equal(states(weft, "start", "b"), [("stopped", "running")], "start")
    equal(what_stays(weft, "b"), stays, "statement 31: b after stop and start")
    equal(seen_inside(weft, "b"), seen, "b from inside")
    weft.prepare("b")
    with weft.step(delivered("a", "b", 1, ECHO) + delivered("b", "a", 1, ECHO) + arp("b")):
        weft.inside("a", "ping", "-c1", "-W2", "b")


def reboot(weft):
    stays = what_stays(weft, "b")
    runs = weft.start("b", "serve", 80)
    equal(runs.line(), "ready", "a server in b")
    equal(states(weft, "reboot", stays[0]), [("running", "running")], "reboot, by id")
    equal(runs.process.wait(10), -15, "the server, by SIGTERM")
    equal(what_stays(weft, "b"), stays, "b after a reboot")
    weft.prepare("b")
    with weft.step(delivered("a", "b", 1, ECHO) + delivered("b", "a", 1, ECHO) + arp("b")):
        weft.inside("a", "ping", "-c1", "-W2", "b")


def terminate(weft):
    equal(states(weft, "terminate", "b"), [("running", "terminated")], "terminate")
    equal([one["name"] for one in weft.ask("ps")], ["a"], "what is left")
    check("b" not in weft.inside("a", "cat", "/etc/hosts").split(), "a has forgotten b")
    for verb in ("stop", "start", "reboot", "terminate"):
        weft.run(verb, "b", ok=(2,))
        check("InvalidInstanceID.NotFound" in weft.stderr, f"{verb} of what is gone: {weft.stderr}")
    plan = [line.split()[:3] for line in weft.up().splitlines()]  # the file still wants one
    check(["+", "instance", "b"] in plan, f"up makes a new one: {plan}")
    weft.inside("b", "true")


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    with weft.step(arp("a", "b") + delivered("a", "b", 1, ECHO) + delivered("b", "a", 1, ECHO)):
        weft.inside("a", "ping", "-c1", "-W2", "b")
    held = weft.start("a", "sleep")
    equal(held.line(), "ready", "a process in a")
    stop_and_start(weft)
    reboot(weft)
    terminate(weft)
    check(held.process.poll() is None, "a ran all the time")
    # Several at once: each is tried, and the exit code says that one was not possible.
    equal(states(weft, "stop", "nobody", "a", "b", ok=(2,)), [("running", "stopped")] * 2, "stop of several")
    equal(states(weft, "start", "a", "b"), [("stopped", "running")] * 2, "start of several")
    weft.prepare("a", "b")


main(scenario, OPEN_PAIR)
