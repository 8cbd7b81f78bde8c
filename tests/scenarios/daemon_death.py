#!/usr/bin/env python3
"""weftd dies by SIGKILL: instances live on, a new weftd takes them back and traffic goes on; without one, all is gone
after the grace period."""
import subprocess
import time

from topologies import OPEN_PAIR
from weft_counters import arp, delivered, exchanged
from weft_scenario import check, equal, main

GRACE_SECONDS = 5


def start_daemon(weft):
    subprocess.run([weft.daemon, "--daemonize", "--grace-ms", str(GRACE_SECONDS * 1000)], env=weft.environment,
                   check=True, timeout=60)


def scenario(weft):
    start_daemon(weft)
    weft.up()
    weft.prepare("a", "b")
    before = weft.ask("ps")
    with weft.step(arp("a", "b") + exchanged("a", "b")):
        server = weft.start("b", "serve", 80)
        equal(server.line(), "ready", "the server")
        held = weft.start("a", "talk", "b", 80)
        equal(held.line(), "connected", "a connection")

    dead = weft.kill_daemon()
    weft.run("ps", ok=(3,))
    equal(weft.inside("a", "hostname"), "a\n", "an instance without a daemon")
    held.say("said while no daemon ran")  # TCP keeps it, and sends it again
    started = time.monotonic()
    start_daemon(weft)
    print(f"weftd was back after {time.monotonic() - started:.2f} s")
    check(weft.daemon_pid() != dead, "it is another one")
    equal(weft.ask("ps"), before, "ids, addresses, MACs, VFs after the restart")
    equal(held.line(), "said while no daemon ran", "the connection that was open")
    check("nothing to do" in weft.up(), "the same file is nothing to do")
    with weft.step(delivered("a", "b", 1, 98) + delivered("b", "a", 1, 98)):
        weft.inside("a", "ping", "-c1", "-W2", "b")

    time.sleep(GRACE_SECONDS + 0.5)  # the old grace period must not end what was taken back
    held.say("later")
    equal(held.line(), "later", "the connection")

    weft.kill_daemon()
    died = time.monotonic()
    equal(server.process.wait(GRACE_SECONDS + 10), -15, "how the server ended")
    lived = time.monotonic() - died
    print(f"the instances outlived their daemon by {lived:.2f} s")
    check(lived > GRACE_SECONDS - 1, "not before the grace period is over")
    weft.leftovers.check(check)


main(scenario, OPEN_PAIR)
