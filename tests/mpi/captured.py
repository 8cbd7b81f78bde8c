#!/usr/bin/env python3
"""EFA messages in a capture: fi_pingpong between two instances while one is captured, and what tshark with our dissector says
of the file. Nobody passes the daemon by meanwhile, not even who did before; nothing is acknowledged where nothing is wrong; over
a fabric that loses, losses have their reason and what has come is acknowledged."""
import contextlib
import pathlib
import shutil
import subprocess
import time

from weft_mpi import CLUSTER, check, equal, main, provider_directory

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools/wireshark/weft_srd.lua"
# Two racks: there is a fabric between them.
RACKS = CLUSTER.replace("strategy: cluster", "strategy: spread")
NO_SELF_EGRESS = RACKS.replace("egress:  [{protocol: all, group: efa}]", "egress:  [{protocol: all, cidr: 0.0.0.0/0}]")
PINGPONG = ["fi_pingpong", "-p", "weft", "-e", "rdm", "-c"]  # -c: every byte is checked
ROUNDS = 40
FIELDS = ("frame.comment", "ip.src", "udp.srcport", "weft_srd.path", "weft_srd.flags.acknowledgement", "weft_srd.psn",
          "weft_srd.acknowledged", "weft_rdm.type", "weft_rdm.data_length", "weft_srd.malformed", "weft_srd.unknown")
EAGER, MEDIUM, LONG, CTS, CTS_DATA = {64, 65}, {66, 67}, {68, 69}, 3, 4


@contextlib.contextmanager
def running(weft, *words):
    process = subprocess.Popen([weft.program, *map(str, words)], env=weft.environment, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def pingpong(weft, *options):
    words = [*PINGPONG, *options]
    with running(weft, "exec", "node-0", "--", *words) as server:
        weft.inside("node-1", "sh", "-c", f"sleep 1; {' '.join(words)} node-0", timeout=120)
        equal(server.wait(10), 0, "the server's exit code")


def exchange(weft):
    pingpong(weft, "-I", str(ROUNDS))


def captured(weft, name, *options, who="node-0", meanwhile=exchange):
    """The EFA packets of that time, by field, in the capture of `who`."""
    path = weft.directory / f"{name}.pcapng"
    with running(weft, "capture", who, "-w", path, *options) as capture:
        check("capturing" in capture.stdout.readline(), "the capture has begun")
        meanwhile(weft)
        capture.terminate()
        said = capture.communicate(timeout=20)[0]
    check("; 0 missed" in said, said)
    return decoded(path)


def decoded(path):
    columns = [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run(["tshark", "-X", f"lua_script:{SCRIPT}", "-r", path, "-Y", "weft_srd", "-T", "fields", *columns],
                          capture_output=True, text=True)
    equal(done.returncode, 0, f"tshark\n{done.stderr}")
    check("Lua" not in done.stderr, done.stderr)
    packets = [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]
    check(packets, "EFA packets were captured")
    for packet in packets:
        check(not packet["weft_srd.malformed"] and not packet["weft_srd.unknown"], f"whole and known: {packet}")
        equal(int(packet["udp.srcport"]), 0xC000 + int(packet["weft_srd.path"]), f"the port that names the path: {packet}")
    return packets


def of_type(packets, types):
    return [packet for packet in packets if packet["weft_rdm.type"] and int(packet["weft_rdm.type"]) in types]


def dropped(packets):
    """Without the last word to a process that has ended."""
    return [packet for packet in packets if packet["frame.comment"] and "efa-bad-qpn" not in packet["frame.comment"]]


def who_passed_by_steps_aside(weft):
    words = [*PINGPONG, "-S", "64", "-I", "10000000"]
    path = weft.directory / "aside.pcapng"
    with running(weft, "exec", "node-0", "--", *words), \
            running(weft, "exec", "node-1", "--", "sh", "-c", f"sleep 1; exec {' '.join(words)} node-0"):
        time.sleep(3)
        weft.run("capture", "node-1", "-c", "200", "--duration", "20", "-w", path)
    equal(len(of_type(decoded(path), EAGER)), 200, f"messages of those who had a channel: {weft.stderr}")


def is_refused(weft):
    with running(weft, "exec", "node-0", "--", *PINGPONG):
        said = weft.inside("node-1", "sh", "-c", f"sleep 1; {' '.join(PINGPONG)} node-0 2>&1", ok=range(1, 256), timeout=60)
    check("No route to host" in said, said)


def acknowledgements(packets):
    return [packet for packet in packets if packet["weft_srd.flags.acknowledgement"] in ("1", "True")]


def scenario(weft):
    check(shutil.which("tshark") is not None, "there is tshark (tools/setup.sh)")
    weft.up(RACKS)
    weft.environment["FI_PROVIDER_PATH"] = str(provider_directory(weft))

    packets = captured(weft, "quiet", "-s", "128")
    addresses = {packet["ip.src"] for packet in packets}
    equal(len(addresses), 2, "both directions")
    for types in (EAGER, MEDIUM, LONG, {CTS}, {CTS_DATA}):
        check(of_type(packets, types), f"packets of type {types}")
    check(len(of_type(packets, EAGER)) >= 2 * 4 * ROUNDS, "every message went through the daemon, none past it")
    check(any(packet["weft_rdm.data_length"] == "64" for packet in of_type(packets, EAGER)), "messages of 64 bytes")
    equal(acknowledgements(packets), [], "acknowledgements where nothing is wrong")
    equal(dropped(packets), [], "drops where nothing is wrong")

    who_passed_by_steps_aside(weft)

    weft.run("fault", "set", "lossy", "--loss", "2%")
    packets = captured(weft, "lossy", "-s", "300")
    acks = acknowledgements(packets)
    equal({packet["ip.src"] for packet in acks}, addresses, "both acknowledge")
    check(max(int(packet["weft_srd.acknowledged"]) for packet in acks) > 100, "what has come")
    lost = dropped(packets)
    check(lost, "some are lost")
    check(all("dropped: fabric-loss" in packet["frame.comment"] for packet in lost), f"with the reason: {lost}")
    data = [packet for packet in packets if packet["weft_rdm.type"]]
    sent_again = {(packet["ip.src"], packet["weft_srd.psn"]) for packet in data if packet in lost}
    passed = {(packet["ip.src"], packet["weft_srd.psn"]) for packet in data if packet not in lost}
    check(sent_again and sent_again <= passed, f"each that was lost was sent again: {sent_again - passed}")

    weft.run("fault", "clear", "--all")
    weft.up(NO_SELF_EGRESS)
    for packet in captured(weft, "refused", who="node-1", meanwhile=is_refused):
        check("dropped: efa-group-egress: " in packet["frame.comment"] and "node-1" in packet["frame.comment"],
              f"with the reason and whose: {packet}")


main(scenario, RACKS)
