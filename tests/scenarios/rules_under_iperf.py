#!/usr/bin/env python3
"""TCP that survives: iperf3 runs while the security groups of both ends are edited fifty times a second. Its tracked flow loses
nothing, stalls nowhere and never leaves the table; a rule that is taken away stops new connections only (facts ec2 2.4; statement 20)."""
import os
import threading
import time

from topologies import GUARDED_PAIR
from weft_api import Api
from weft_iperf import Run, serve_once
from weft_clients import program
from weft_scenario import check, equal, main

RATE = 50
LEAST_RATE = int(os.environ.get("WEFT_LEAST_EDITS", 8))  # 19 with five programs waiting for each core
IPERF = "      - {protocol: tcp, port: 5201, group: client}\n"
HEAD, TAIL = GUARDED_PAIR.split("instances:\n")


def edit(number):
    """Never the same twice in a row: another port each time, the rule of iperf3 in every second one, egress that comes and goes."""
    rules = HEAD + "      - {protocol: tcp, port: %d, group: client}\n" % (6000 + number % 50)
    if number % 2 == 0:
        rules += IPERF
    if number % 3 == 0:
        rules = rules.replace("- name: client\n", "- name: client\n    egress: [{protocol: udp, port: 9, cidr: 10.0.0.0/8}]\n")
    return rules + "instances:\n" + TAIL


class Editor(threading.Thread):
    """A client of the API with an appointment every 20 ms. One that is missed is not made up for."""

    def __init__(self, weft):
        super().__init__()
        self.api, self.stop, self.failure = Api(weft.directory / "run"), threading.Event(), None
        self.edits, self.took_ms = 0, []

    def run(self):
        started = due = time.monotonic()
        try:
            while not self.stop.is_set():
                self.edits += 1
                self.took_ms.append(self.api.apply(edit(self.edits))["took_ms"])
                due = max(due + 1 / RATE, time.monotonic())
                time.sleep(max(0, due - time.monotonic()))
        except Exception as failure:  # told by the scenario
            self.failure = failure
        self.rate = self.edits / (time.monotonic() - started)


def run_iperf(weft, seconds, while_it_runs):
    run = Run(weft, "a", "b", "b", "-t", seconds, "-i", "0.5")
    run.wait_established()
    while_it_runs(run)
    return run.report()


def retransmitted(said):
    sent = said["end"]["sum_sent"]
    return sent["retransmits"], sent["bytes"] / said["start"]["tcp_mss_default"]


def scenario(weft):
    weft.up(edit(2))
    editor = Editor(weft)

    def edit_meanwhile(run):
        editor.start()
        deadline = time.monotonic() + 60
        while run.running() and time.monotonic() < deadline and editor.is_alive():
            time.sleep(0.05)
        editor.stop.set()
        editor.join(60)

    quiet = run_iperf(weft, 2, lambda run: None)
    edited = run_iperf(weft, 4, edit_meanwhile)
    check(editor.failure is None, f"the edits: {editor.failure}")
    took = sorted(editor.took_ms)
    rate = [said["end"]["sum_received"]["bits_per_second"] / 1e9 for said in (quiet, edited)]
    (lost_quiet, _), (lost, segments) = retransmitted(quiet), retransmitted(edited)
    print(f"{editor.edits} edits, {editor.rate:.1f} a second; the daemon took {took[len(took) // 2]:.1f} ms, at most {took[-1]:.1f} ms; "
          f"{rate[0]:.2f} Gbit/s alone, {rate[1]:.2f} edited; {lost_quiet} and {lost} retransmissions of {segments:.0f} segments")
    check(editor.rate >= LEAST_RATE, f"{editor.rate:.1f} edits a second, for fifty that were due")
    check(lost <= max(4 * lost_quiet, segments / 1000), f"{lost} retransmissions of {segments:.0f} segments; {lost_quiet} without edits")
    slow = [part["sum"] for part in edited["intervals"] if part["sum"]["bytes"] == 0]
    equal(slow, [], "half seconds in which nothing was sent")
    drops = {key: value for key, value in weft.counters().items() if "drops." in key and value}
    check(not drops, f"nothing was dropped: {drops}\n{weft.run('flows', '--drops', '--limit', 5)}")

    # A group that denies from now on: who is connected stays, who comes anew is refused.
    def deny_meanwhile(run):
        weft.up(edit(1))
        equal(weft.guest("a", "talk", "b", 5201, ok=(1,)), "no answer\n", "a new connection")
        check(run.running(), "iperf3 still runs")

    weft.up(edit(2))
    denied = run_iperf(weft, 5, deny_meanwhile)
    equal([part["sum"] for part in denied["intervals"] if part["sum"]["bytes"] == 0], [], "half seconds in which nothing was sent")
    server = serve_once(weft, "b")
    weft.inside("a", program("iperf3"), "-c", "b", "-n", "1M", "--connect-timeout", 700, ok=(1,))
    weft.up(edit(2))
    weft.inside("a", program("iperf3"), "-c", "b", "-n", "1M")
    equal(server.process.wait(20), 0, "its end")


main(scenario, GUARDED_PAIR)
