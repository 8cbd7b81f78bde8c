"""What every scenario shares: a deployment of its own, commands inside instances, strict counters, a clean end.

A scenario is a function that gets a `Weft` with its topology up:

    def scenario(weft):
        with weft.step(arp("a") + delivered("a", "b", 1, 98) + ...):
            weft.inside("a", "ping", "-c1", "b")

    main(scenario, TOPOLOGY)

Whatever a step does must change the counters of `weft stats` exactly as it lists: a change that is not listed fails.
Run as root, a scenario runs as root and then once more as an ordinary user; --mode picks one.
"""
import argparse
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from weft_api import Api
from weft_counters import difference, explain_difference, flatten
from weft_guest_process import GuestProcess
from weft_leftovers import Leftovers
from weft_modes import SKIP, choose_modes, run_in_mode

__all__ = ["Weft", "main", "check", "equal", "SKIP"]

GUEST = pathlib.Path(__file__).with_name("guest.py")
SETTLE_SECONDS = 5.0  # a busy machine's patience; a right answer is usually there at once
SURPLUS_SECONDS = 0.1  # how long an unlisted change has to show itself


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(found, expected, what):
    check(found == expected, f"{what}: expected {expected!r}, found {found!r}")


class Weft:
    def __init__(self, build, topology, verbose):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="weft-scenario-", dir="/tmp"))
        self.verbose = verbose
        self.program = str(build / "tools/weft/weft")
        self.daemon = str(build / "tools/weftd/weftd")
        self.environment = dict(os.environ, WEFT_RUNTIME_DIR=str(self.directory / "run"), PYTHONDONTWRITEBYTECODE="1")
        self.environment.pop("WEFT_INSTANCE", None)
        self.leftovers = Leftovers(self.directory)
        self.topology = self.directory / "topology.yaml"
        self.topology.write_text(topology)
        self.guests = []

    # ---- the command line ----

    def run(self, *words, input=None, ok=(0,), timeout=60):
        """A command of the host, by default one of weft's: gives what it printed; any exit code but `ok` fails."""
        command = [self.program, *map(str, words)]
        if self.verbose:
            print("$ weft", *words[:12], flush=True)
        done = subprocess.run(command, env=self.environment, input=input, text=True, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.verbose and (done.stdout or done.stderr):
            print(done.stdout + done.stderr, flush=True)
        check(done.returncode in ok, f"weft {' '.join(map(str, words))}: exit code {done.returncode}, not in {ok}\n"
                                     f"{done.stdout}{done.stderr}")
        self.stderr = done.stderr
        return done.stdout

    def ask(self, *words, ok=(0,)):
        return json.loads(self.run(*words, "-o", "json", ok=ok))

    def interfaces(self):
        """All of them, those that are attached to nothing too."""
        return Api(self.directory / "run").ask("GET", "/v1/interfaces")[1]

    def up(self, topology=None, ok=(0,)):
        if topology is not None:
            self.topology.write_text(topology)
        return self.run("up", self.topology, ok=ok)

    def down(self):
        self.run("down")

    # ---- inside instances ----

    def inside(self, instance, *command, ok=(0,), timeout=60):
        return self.run("exec", instance, "--", *command, ok=ok, timeout=timeout)

    def start(self, instance, *words):
        """guest.py inside an instance, in the background: say() and line() talk with it."""
        if self.verbose:
            print("$ weft exec", instance, "-- guest.py", *words, "&", flush=True)
        guest = GuestProcess([self.program, "exec", instance, "--", sys.executable, str(GUEST), *map(str, words)],
                             self.environment)
        self.guests.append(guest)
        return guest

    def guest(self, instance, *words, ok=(0,)):
        """guest.py inside an instance, to its end."""
        return self.inside(instance, sys.executable, GUEST, *words, ok=ok)

    def prepare(self, *instances):
        """Makes what the kernel sends by itself predictable: a neighbour, once resolved, stays so for an hour. Remembers
        the instances' namespaces, to look for them at the end."""
        for instance in instances:
            network = self.inside(instance, "sh", "-c", "readlink /proc/self/ns/net; for each in /proc/sys/net/ipv4/neigh/eth*; "
                                  "do echo 3600000 > $each/base_reachable_time_ms; done")
            self.leftovers.watch_network(network.strip())

    # ---- counters ----

    def counters(self):
        return flatten(self.ask("stats"))

    @contextlib.contextmanager
    def step(self, expected):
        before = self.counters()
        yield
        deadline = time.monotonic() + SETTLE_SECONDS
        changed = difference(before, self.counters())
        while not expected.matches(changed) and time.monotonic() < deadline:
            time.sleep(0.02)
            changed = difference(before, self.counters())
        if expected.matches(changed):
            time.sleep(SURPLUS_SECONDS)
            changed = difference(before, self.counters())
        check(expected.matches(changed), "the counters changed in another way than the step lists\n"
              + explain_difference(expected, changed) + "\n" + self.run("flows", "--drops", "--limit", 5))
        check(self.ask("stats")["balance"]["holds"], "the balance of received and delivered packets does not hold")

    # ---- the daemon ----

    def daemon_pid(self):
        return int(self.ask("status")["pid"])

    def kill_daemon(self):
        daemon = self.daemon_pid()
        # By pidfd: it says so when the process has closed its sockets, while /proc shows nothing of it some time before.
        process = os.pidfd_open(daemon)
        os.kill(daemon, signal.SIGKILL)
        gone, _, _ = select.select([process], [], [], 10)
        os.close(process)
        check(gone, "weftd ends when it is killed")
        return daemon

    def finish(self, failed):
        for guest in self.guests:
            guest.kill()
        try:
            if failed:
                log = self.directory / "run/weftd.log"
                print("--- weftd.log\n" + (log.read_text()[-4000:] if log.exists() else "(none)"), flush=True)
            self.run("down")
            self.leftovers.check(check)
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)


def run_scenario(scenario, topology, arguments):
    weft = Weft(pathlib.Path(arguments.build).resolve(), topology, arguments.verbose)
    failed = True
    try:
        scenario(weft)
        failed = False
    except (Failure, subprocess.TimeoutExpired) as failure:
        where = traceback.extract_tb(failure.__traceback__)
        lines = [frame for frame in where if os.path.samefile(frame.filename, sys.argv[0])] or where
        print(f"{pathlib.Path(lines[-1].filename).name}:{lines[-1].lineno}: {failure}", flush=True)
    finally:
        try:
            weft.finish(failed)
        except (Failure, subprocess.TimeoutExpired) as failure:
            print(f"at the end: {failure}", flush=True)
            failed = True
    print("failed" if failed else "passed", flush=True)
    return 1 if failed else 0


def main(scenario, topology, needs=None, programs=()):
    """`needs`: "root" or "rootless" for what only makes sense in one mode. `programs`: what it runs besides weft and
    weftd, below the build tree."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--build", required=True, help="the build tree with tools/weft and tools/weftd")
    parser.add_argument("--mode", choices=["root", "rootless", "both"], default="both")
    parser.add_argument("--verbose", action="store_true", help="show every command and what it printed")
    arguments = parser.parse_args()
    codes = []
    for mode in choose_modes(arguments.mode, needs):
        codes.append(run_in_mode(mode, arguments, lambda: run_scenario(scenario, topology, arguments), programs))
    sys.exit(max((code for code in codes if code != SKIP), default=SKIP))
