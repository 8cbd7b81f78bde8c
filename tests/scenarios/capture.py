#!/usr/bin/env python3
"""weft capture: the packets of real instances in a file that tcpdump reads, each drop with its reason and the rule that came
nearest; Ctrl-C ends it with a whole file; pipes, lines and counts; what was captured can be explained."""
import signal
import subprocess
import time

import weft_pcapng
from topologies import GUARDED_PAIR
from weft_guest_process import GuestProcess
from weft_scenario import check, equal, main

ECHO_REQUEST, ECHO_REPLY = 8, 0


def begin(weft, *words):
    """Begins a capture; when it says whom it captures, it does. weftd may still be ending the one before."""
    deadline = time.monotonic() + 20
    while True:
        capture = GuestProcess([weft.program, "capture", *map(str, words)], weft.environment)
        weft.guests.append(capture)
        said = capture.line()
        if "one at a time" not in said or time.monotonic() > deadline:
            return capture, said
        capture.end()
        time.sleep(0.05)


def end(capture):
    """As Ctrl-C does. Returns the summary."""
    capture.process.send_signal(signal.SIGINT)
    summary = capture.line()
    equal(capture.end(), 0, f"the exit code of a capture that was ended, which said {summary!r}")
    return summary


def icmp(packets, kind):
    """(interface, direction) of each ping's request or answer."""
    return [(one.interface, "out" if one.outbound else "in") for one in packets
            if one.data[12:14] == b"\x08\0" and one.data[23] == 1 and one.data[34] == kind]


def tcpdump(weft, *words):
    done = subprocess.run(["tcpdump", "-n", *map(str, words)], text=True, timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    equal(done.returncode, 0, f"tcpdump's exit code; it said {done.stderr}")
    return done.stdout


def a_whole_file(weft, path):
    capture, said = begin(weft, "a", "b/eth0", "-w", path)
    equal(said, "capturing a/eth0, b/eth0", "what it says at the beginning")
    weft.inside("a", "ping", "-c1", "-W5", "b")
    weft.guest("a", "talk", "b", 81, ok=(1,))
    weft.run("capture", "a", ok=(1,))
    check("one at a time" in weft.stderr, f"a second capture is refused: {weft.stderr}")
    summary = end(capture)
    check("dropped by the fabric; 0 missed" in summary, f"the summary: {summary}")

    found = weft_pcapng.read(path)
    equal((found.interfaces, found.statistics, found.missed), (["a/eth0", "b/eth0"], 2, 0), "the file")
    equal(icmp(found.packets, ECHO_REQUEST), [("a/eth0", "out"), ("b/eth0", "in")], "the request")
    equal(icmp(found.packets, ECHO_REPLY), [("b/eth0", "out"), ("a/eth0", "in")], "and its answer")
    dropped = [one for one in found.packets if one.comment]
    equal([(one.interface, one.outbound) for one in dropped], [("a/eth0", True), ("b/eth0", False)],
          "the connection to port 81, which is refused")
    for one in dropped:
        check(one.comment.startswith("dropped: group-ingress: tcp 81 from a (10.0.1.10) to b (10.0.1.11)")
              and "port 81 is not 80" in one.comment, f"the reason with names and rule: {one.comment}")
    return found


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    path = weft.directory / "both.pcapng"
    found = a_whole_file(weft, path)

    # What others read of it: as many packets, and checksums that are right though the guests left them to their cards.
    text = tcpdump(weft, "-r", path)
    equal(len(text.splitlines()), len(found.packets), f"packets that tcpdump reads:\n{text}")
    text = tcpdump(weft, "-v", "-r", path, "tcp")
    equal((text.count("(correct)"), text.count("incorrect")), (2, 0), f"the connection's checksums:\n{text}")

    # What was captured, explained.
    numbers = [i + 1 for i, one in enumerate(found.packets) if one.comment]
    for number in numbers:
        explained = weft.ask("explain", "--packet", f"{path}:{number}", ok=(1,))
        equal(explained["drop_reason"], "group-ingress", f"packet {number}")
    ping = next(i for i, one in enumerate(found.packets) if icmp([one], ECHO_REQUEST)) + 1
    said = weft.run("explain", "--packet", f"{path}:{ping}")
    check(said.startswith(f"packet {ping} of {path}: icmp 10.0.1.10 > 10.0.1.11 type 8"), f"the ping: {said}")
    weft.run("explain", "--packet", f"{path}:10000", ok=(2,))
    check(f"there is no packet 10000; it has {len(found.packets)}" in weft.stderr, weft.stderr)
    weft.run("explain", "--packet", weft.topology, ok=(2,))
    cut = weft.directory / "cut.pcapng"
    cut.write_bytes(path.read_bytes()[:-30])
    weft.run("explain", "--packet", f"{cut}:10000", ok=(2,))

    # A pipe, whose reader has seen enough after one packet.
    piped = subprocess.Popen(f"exec '{weft.program}' capture a -w - | tcpdump -n -c1 -r - icmp", shell=True, text=True,
                             env=weft.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while "capturing a/eth0" not in piped.stdout.readline():
        pass
    while piped.poll() is None:
        weft.inside("a", "ping", "-c1", "-W5", "b")
    check("ICMP echo request" in piped.stdout.read(), "what tcpdump printed of the pipe")

    # Lines, only of drops, to a count; and by time, when nothing comes.
    capture, _ = begin(weft, "b", "--drops-only", "-c1")
    weft.inside("a", "ping", "-c1", "-W5", "b")
    weft.guest("a", "talk", "b", 82, ok=(1,))
    line = capture.line()
    check("b/eth0 in   tcp 10.0.1.10:" in line and "> 10.0.1.11:82 S, 74 bytes" in line, f"the line: {line}")
    check("    dropped: group-ingress: tcp 82" in capture.line(), "its reason")
    check("1 packet captured, 1 of them dropped by the fabric; " in capture.line(), "the summary")
    equal(capture.end(), 0, "its end")
    capture, _ = begin(weft, "b", "--duration", "0.2", "-w", weft.directory / "nothing.pcapng")
    equal(capture.line(), "0 packets captured; 0 missed", "the summary of nothing")
    equal(capture.end(), 0, "its end")
    equal(weft_pcapng.read(weft.directory / "nothing.pcapng").interfaces, ["b/eth0"], "a whole file of nothing")

    # It follows an instance over stop and start, and ends with its client, however that ends.
    capture, _ = begin(weft, "b", "-w", path)
    weft.run("stop", "b")
    weft.run("start", "b")
    weft.inside("a", "ping", "-c1", "-W5", "b")
    end(capture)
    equal(icmp(weft_pcapng.read(path).packets, ECHO_REQUEST), [("b/eth0", "in")], "after its start")
    capture, _ = begin(weft, "a", "-w", weft.directory / "killed.pcapng")
    capture.kill()
    capture, _ = begin(weft, "a", "--duration", "0.1", "-w", weft.directory / "next.pcapng")
    equal(capture.line(), "0 packets captured; 0 missed", "the next one")

    # Wrong names leave no file behind.
    for name, why in (("nobody", "there is no instance 'nobody'"), ("a/eth7", "has no interface 'eth7'"),
                      ("eni-1", "does not exist"), ("internet", "there is no instance 'internet'")):
        weft.run("capture", name, "-w", weft.directory / "wrong.pcapng", ok=(2,))
        check(why in weft.stderr, f"{name}: {weft.stderr}")
    check(not (weft.directory / "wrong.pcapng").exists(), "no file of a capture that never began")
    weft.run("capture", "a", "-w", weft.directory / "no/where", ok=(2,))


main(scenario, GUARDED_PAIR)
