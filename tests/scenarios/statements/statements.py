"""Runs the statements of one file (facts ec2 10) on one deployment.

A statement is a function `statement_07_broadcast_and_multicast_reach_nobody(vpc)`. It finds the file's topology up and
nothing of the statements before it: what one edits or stops is put back. One that has to wait is a generator, which yields the
time.monotonic() that it waits for; all of them wait together, after the others.
"""
import contextlib
import http.client
import inspect
import json
import os
import pathlib
import re
import socket
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import weft_scenario  # noqa: E402
from weft_scenario import check, equal  # noqa: E402

from weft_guest_process import GuestProcess  # noqa: E402

from guests import PATIENCE, Guest  # noqa: E402

__all__ = ["at_most_a_second", "check", "equal", "main", "send_all", "start_program"]


def start_program(vpc, instance, name, *words):
    """A program of this folder inside an instance; say() and line() talk with it."""
    program = pathlib.Path(vpc.weft.program).parents[2] / "tests/scenarios/statements" / name
    process = GuestProcess([vpc.weft.program, "exec", instance, "--", str(program), *map(str, words)], vpc.weft.environment)
    vpc.processes.append(process)
    return process


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("weft")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self.path))


class Vpc:
    """The deployment: its instances by attribute (`vpc.a`), its edits, its counters."""

    def __init__(self, weft, topology):
        self.weft, self.topology = weft, topology
        self.guests = {}
        self.processes = []
        self.kept = set()  # names of guests whose sockets outlive their statement: it waits
        self.current = None

    def __getattr__(self, name):
        return self.guest(name)

    def guest(self, name):
        if name not in self.guests:
            self.guests[name] = Guest(self.weft, name)
        return self.guests[name]

    # ---- edits ----

    def up(self, text=None):
        self.current = text or self.topology
        return self.weft.up(self.current)

    def edited(self, *changes, text=None):
        """The topology with each (old, new) replaced, once; what is not there has been misspelled."""
        text = text or self.topology
        for old, new in changes:
            check(text.count(old) == 1, f"{old!r} is {text.count(old)} times in the topology")
            text = text.replace(old, new)
        return text

    def edit(self, *changes):
        return self.up(self.edited(*changes))

    def reset(self):
        for process in self.processes:
            process.kill()
        self.processes = []
        for guest in self.guests.values():
            if guest.name not in self.kept:
                guest.close()
        if self.current != self.topology:
            self.up()

    def refuses(self, text, code, sentence, line_with):
        """`weft up` of this is refused with EC2's code, and the line that holds `line_with`; nothing changes."""
        before = self.weft.ask("ps"), self.weft.interfaces()
        self.weft.up(text, ok=(1, 2))
        lines = [number for number, line in enumerate(text.splitlines(), 1) if line_with in line]
        check(len(lines) == 1, f"{line_with!r} is in the lines {lines}")
        said = [line for line in self.weft.stderr.splitlines() if f"[{code}]" in line and sentence in line]
        check(said and f"topology.yaml:{lines[0]}: " in said[0],
              f"wanted line {lines[0]}, {sentence!r} and [{code}], got: {self.weft.stderr}")
        equal((self.weft.ask("ps"), self.weft.interfaces()), before, "what was there, after a refusal")
        check("nothing to do" in self.weft.up(self.current), "what ran runs on as it was")

    # ---- counters ----

    def statistics(self):
        """What `weft stats -o json` prints, asked for by ourselves: it is asked for often, and a program takes its time."""
        connection = UnixConnection(self.weft.directory / "run/api.sock")
        connection.request("GET", "/v1/statistics")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer["interfaces"]

    def drops(self):
        found = {}
        for one in self.statistics():
            for reason, count in one["drops"].items():
                who = one["instance"] or "internet"  # the gateway's own line: what came from outside
                found[who, reason] = found.get((who, reason), 0) + count
        return found

    def interface_counter(self, instance, name, index=0):
        return [one for one in self.statistics() if one["instance"] == instance][index][name]

    def received(self, instance):
        """Packets and bytes that others sent it: without what the fabric answers its kernel, which is ARP."""
        one = next(one for one in self.statistics() if one["instance"] == instance)
        return one["rx_packets"] - one["originated"], one["rx_bytes"]

    def ena(self, guest):
        """ENA's counters of a guest's eth0, under ENA's names."""
        return self.interface_counter(guest.name, "ena")

    @contextlib.contextmanager
    def drops_of(self, guest, reason, count=None):
        """What happens inside makes the engine drop `count` packets of this guest for this reason (None: one or more, for
        a kernel may try again, or sends such packets of its own), and no other packet of anybody. Afterwards the engine is
        past them."""
        before = self.drops()
        yield
        deadline = time.monotonic() + PATIENCE
        while True:
            after = self.drops()
            changed = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)
                       # Multicast of others is no surprise: kernels report what they listen to, when they like.
                       and (key[1] != "multicast" or key == (guest.name, reason))}
            if changed.get((guest.name, reason), 0) >= (count or 1) or time.monotonic() > deadline:
                break
        wanted = {(guest.name, reason): count or changed.get((guest.name, reason), 1)}
        equal(changed, wanted, "drops")

    def start_account(self, guest, reason):
        self.dropped_before = self.drops().get((guest.name, reason), 0)
        self.lost_before = guest.lost()

    def account(self, guest, total, reason, delivered):
        """Waits until each of `total` packets that the guest sent is accounted for, since start_account: delivered, dropped
        for this reason, or lost where a kernel's own queue was full. Gives how many passed and how many were dropped."""
        deadline = time.monotonic() + 3 * PATIENCE
        while True:
            passed, dropped, unsent = delivered(), self.drops().get((guest.name, reason), 0) - self.dropped_before, 0
            if passed + dropped != total:
                unsent, unread = (now - before for now, before in zip(guest.lost(), self.lost_before))
                passed = delivered() + unread
                dropped = self.drops().get((guest.name, reason), 0) - self.dropped_before
            if passed + dropped + unsent == total or time.monotonic() > deadline:
                equal(passed + dropped + unsent, total, f"{passed} packets passed, {dropped} dropped, {unsent} never sent; all")
                return passed, dropped


def at_most_a_second(limit, attempt):
    """attempt(total) sends `total` packets and gives how many passed and how many were dropped: of an allowance of `limit` in
    any second. A machine that takes longer over them is given more, until they are more than may pass in the time it takes."""
    total = 2000
    while True:
        began = time.monotonic()
        passed, dropped = attempt(total)
        took = time.monotonic() - began
        most = limit * (int(took) + 1)
        check(passed <= most, f"{passed} passed in {took:.1f} s")
        if took < 1 and passed + dropped > limit:
            return equal(passed, limit, "passed in one second")
        if passed + dropped > most:
            return None
        check(total < 32000, f"this machine takes {took:.1f} s over {total} packets")
        total *= 2
        time.sleep(1.1)  # what passed last has no part in it any more


def send_all(send, packets):
    for number, packet in enumerate(packets, 1):
        send(packet)
        if number % 250 == 0:
            time.sleep(0.005)  # a card's queue is shorter than all of them


def statements_of(module):
    found = {}
    for name, function in vars(module).items():
        if match := re.fullmatch(r"statement_(\d\d)_(\w+)", name):
            found[int(match[1])] = match[2].replace("_", " "), function
    return dict(sorted(found.items()))


class Run:
    def __init__(self, vpc, file):
        self.vpc, self.file = vpc, file
        self.held = self.failed = 0
        self.waiting = []

    def said(self, number, title, began, failure=None):
        if failure is None:
            self.held += 1
            print(f"ok {number:02} {title} ({time.monotonic() - began:.1f} s)", flush=True)
            return
        self.failed += 1
        lines = [one for one in traceback.extract_tb(failure.__traceback__) if os.path.samefile(one.filename, self.file)]
        where = f"{pathlib.Path(self.file).name}:{lines[-1].lineno if lines else '?'}"
        print(f"not ok {number:02} {title}\n   {where}: {type(failure).__name__}: {failure}", flush=True)

    def step(self, number, title, steps, began):
        """A statement up to where it waits, or to its end."""
        try:
            until = next(steps, None)
        except Exception as failure:  # whatever it is: the others are tried too
            return self.said(number, title, began, failure)
        if until is None:
            return self.said(number, title, began)
        self.waiting.append((until, number, title, steps, began))

    def all(self, statements):
        for number, (title, function) in statements.items():
            self.step(number, title, as_steps(function, self.vpc), time.monotonic())
            self.vpc.reset()
        while self.waiting:
            self.waiting.sort()
            until, number, title, steps, began = self.waiting.pop(0)
            time.sleep(max(0, until - time.monotonic()))
            self.step(number, title, steps, began)
        print(f"{self.held} passed of {self.held + self.failed} statements", flush=True)  # tools/count_tests.py reads it
        check(self.failed == 0, f"{self.failed} statements do not hold")


def as_steps(function, vpc):
    if inspect.isgeneratorfunction(function):
        yield from function(vpc)
    else:
        function(vpc)


def main(topology, programs=()):
    module = sys.modules["__main__"]

    def scenario(weft):
        vpc = Vpc(weft, topology)
        vpc.up()
        try:
            Run(vpc, module.__file__).all(statements_of(module))
        finally:
            for guest in vpc.guests.values():
                guest.end()

    weft_scenario.main(scenario, topology, programs=programs)
