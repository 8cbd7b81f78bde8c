#!/usr/bin/env python3
"""`weft down` ends what runs inside, what ignores SIGTERM too, and leaves no namespace, process or socket."""
import os
import signal
import time

from topologies import OPEN_PAIR
from weft_scenario import check, equal, main


def scenario(weft):
    equal(weft.run("down"), "nothing is running\n", "down before up")
    weft.up()
    weft.prepare("a", "b")
    daemon = weft.daemon_pid()
    stubborn = weft.start("a", "sleep")
    equal(stubborn.line(), "ready", "a program that ignores SIGTERM")
    server = weft.start("b", "serve", 80)
    equal(server.line(), "ready", "a server")
    names = weft.leftovers.processes().values()
    check("weft-holder" in names and any(name.startswith("weftd") for name in names), f"what runs: {names}")

    started = time.monotonic()
    equal(weft.run("down"), "removed 2 instances and ended weftd\n", "down")
    took = time.monotonic() - started
    print(f"down took {took:.2f} s, one of it for the program that ignored SIGTERM")
    check(took < 8, "down takes two seconds, more only on a busy machine")
    equal(stubborn.process.wait(5), -9, "how the stubborn program ended")
    equal(server.process.wait(5), -15, "how the server ended")
    check(daemon not in weft.leftovers.processes(), "weftd is gone when down returns")
    weft.leftovers.check(check)

    weft.run("ps", ok=(3,))
    weft.up()  # and again, in the same directory
    weft.prepare("a", "b")
    weft.inside("a", "ping", "-c1", "-W2", "b")
    # SIGTERM to weftd is as good.
    weft.inside("a", "true")
    os.kill(weft.daemon_pid(), signal.SIGTERM)
    weft.leftovers.check(check)


main(scenario, OPEN_PAIR)
