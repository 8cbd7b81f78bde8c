#!/usr/bin/env python3
"""Weft's engine against DPDK testpmd (the ceiling: moves packets, looks at nothing) and Open vSwitch with DPDK.

One generator on CPU 0 feeds each in turn, on CPU 1, through the same two memif wires: 64-byte UDP, every flow in both
directions, as fast as they take it (another size: --size). Open vSwitch runs twice: port to port, and with connection tracking. In each round
every device is started anew, so that a neighbour on the machine disturbs all of them alike; medians of the rounds count.

The columns: Mpps that came out of the device; the cycles that a packet took it, of turns that had packets, by its own
statistics; the same without testpmd's, which is what the wires take; how much of its core that is. Where the core is
not full, the generator is the limit, and the cycles say more than the Mpps.

Needs root (for huge pages, which are given back), dpdk-testpmd (package dpdk-dev) and Open vSwitch with DPDK (package
openvswitch-switch-dpdk).

Example: sudo bench/peers.py --flows 1000 10000 100000
"""
import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import common
import peer_devices

HUGE_PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
DEVICES = {device.name: device for device in peer_devices.ALL}
GENERATOR = "bench/weft-bench-generate"


@contextlib.contextmanager
def huge_pages(count):
    before = int(HUGE_PAGES.read_text())
    HUGE_PAGES.write_text(str(max(before, count)))
    try:
        got = int(HUGE_PAGES.read_text())
        if got < count:
            raise SystemExit(f"peers.py: the kernel found {got} of {count} huge pages of 2 MiB; free some memory, or "
                             "reserve them when the machine starts (hugepages=)")
        yield
    finally:
        HUGE_PAGES.write_text(str(before))


def missing(build, devices):
    found = [] if os.access(build / GENERATOR, os.X_OK) else [f"weft-bench-generate: ninja -C {build} {GENERATOR}"]
    return found + [line for device in devices for line in device.missing(build)]


@contextlib.contextmanager
def generated(build, directory, flows, size, seconds):
    """The generator's counts, while it still holds its end of the wires."""
    command = [build / GENERATOR, "--directory", directory, "--flows", str(flows), "--size", str(size), "--runs", "1", "--seconds", str(seconds),
               "--cpu", "0", "--hold"]
    with peer_devices.process(command, directory / "generator.log") as generator:
        log = directory / "generator.log"
        peer_devices.wait_for(lambda: log.read_text().endswith("}\n"), generator, seconds=60 + 4 * seconds)
        yield json.loads(log.read_text().splitlines()[-1])
        generator.stdin.close()
        generator.wait(20)


def measure(build, kind, flows, size, seconds):
    """One round of one device."""
    with tempfile.TemporaryDirectory(prefix="weft-peers-") as name:
        device = kind(build, pathlib.Path(name))
        try:
            with device.running(), generated(build, device.directory, flows, size, seconds) as traffic:
                device.read_statistics()
            run = traffic["runs"][0]
            if run["received_mpps"] == 0:
                raise peer_devices.Failed("nothing came through it")
            if device.flows not in (None, flows):
                raise peer_devices.Failed(f"it tracked {device.flows} flows, not {flows}")
        except (peer_devices.Failed, subprocess.TimeoutExpired, OSError) as error:
            logs = "".join(f"--- {log.name}\n{log.read_text()[-2000:]}\n" for log in sorted(device.directory.glob("*.log")))
            raise SystemExit(f"peers.py: {kind.name}: {error}\n{logs}")
    return {"mpps": run["received_mpps"], "sent_mpps": run["sent_mpps"], "cycles": device.cycles,
            "busy": run["received_mpps"] * 1e6 * device.cycles / traffic["tsc_hz"]}


def median_of(rounds):
    middle = {key: common.median(one[key] for one in rounds) for key in rounds[0]}
    return middle | {"runs_mpps": [one["mpps"] for one in rounds]}


def compare(build, devices, flows, options):
    measured = {kind.name: [] for kind in devices}
    for _ in range(options.rounds):
        for kind in devices:
            measured[kind.name].append(measure(build, kind, flows, options.size, options.seconds))
    return {"flows": flows, "wire_bytes": options.size, "devices": {name: median_of(list(runs)) for name, runs in measured.items()}}


def good_enough(result):
    """At least five times Open vSwitch with tracking, or all that the generator sends."""
    weft, stateful = (result["devices"].get(name) for name in ("weft", "ovs-stateful"))
    if weft is None or stateful is None:
        raise SystemExit("peers.py: --check compares the devices weft and ovs-stateful, and one was left out")
    return weft["mpps"] >= 5 * stateful["mpps"] or weft["mpps"] >= 0.99 * weft["sent_mpps"]


def print_table(result):
    devices = result["devices"]
    wires = devices.get("testpmd", {}).get("cycles")
    print(f"{result['flows']:,} flows\n  {'':<14}{'Mpps':>7}{'(runs)':>15}{'cycles':>9}{'own':>8}{'core':>7}")
    for name, one in devices.items():
        runs = f"({min(one['runs_mpps']):.2f}-{max(one['runs_mpps']):.2f})"
        own = "-" if wires is None else f"{one['cycles'] - wires:.0f}"
        print(f"  {name:<14}{one['mpps']:>7.2f}{runs:>15}{one['cycles']:>9.0f}{own:>8}{one['busy']:>7.0%}")
    if "weft" not in devices:
        return
    weft = devices["weft"]
    for other in ("ovs-stateful", "ovs", "testpmd"):
        if other in devices:
            one = devices[other]
            print(f"  weft / {other}: {weft['mpps'] / one['mpps']:.2f}x the Mpps, "
                  f"{weft['cycles'] / one['cycles']:.2f}x the cycles of a packet")


def main():
    parser = common.parser(__doc__, rounds=7)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--flows", type=int, nargs="+", default=[1000, 10_000], help="default: 1000 10000")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a run, after as long a warm-up (default: 1)")
    parser.add_argument("--devices", nargs="+", choices=DEVICES, default=list(DEVICES), help="default: all, in turn")
    parser.add_argument("--size", type=int, default=64, help="bytes of a frame on the wire, at most 1518 (default: 64)")
    options = parser.parse_args()
    if not 64 <= options.size <= 1518:
        raise SystemExit("peers.py: --size is of 64 to 1518 bytes: memif's buffers are of 2 KiB")
    build, devices = options.build.resolve(), [DEVICES[name] for name in options.devices]
    if lacks := missing(build, devices):
        raise SystemExit("peers.py: not there:\n" + "\n".join(f"  {line}" for line in lacks))
    if os.geteuid() != 0:
        raise SystemExit("peers.py: needs root, for huge pages: sudo bench/peers.py")
    if not {0, 1} <= os.sched_getaffinity(0):
        raise SystemExit("peers.py: needs the CPUs 0 and 1, one for the generator and one for the device")
    with huge_pages(1024 + max(options.flows) // 300):
        results = []
        if options.output == "table":
            print(f"UDP in {options.size}-byte frames through one core, both directions together; the generator has the other core")
        for flows in options.flows:
            results.append(compare(build, devices, flows, options))
            if options.output == "table":
                print_table(results[-1])
    if options.output == "json":
        print(json.dumps(results, indent=2))
    return 1 if options.check and not all(map(good_enough, results)) else 0


if __name__ == "__main__":
    sys.exit(main())
