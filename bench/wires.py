#!/usr/bin/env python3
"""weftd's ports of other kinds than TAP, against DPDK's testpmd, which forwards between two such ports and looks at nothing.

Two threads are busy. On CPU 1 is what is measured: weftd's worker, or testpmd's forwarding lcore. On CPU 0 is weft-gen, which
sends at one wire and counts at the other, with one thread. It sends UDP of some flows, which weftd's groups admit and its
connection tracking follows: first as fast as the wire takes it (Mpps that arrived), then 10,000 frames a second (latency, by
the generator's clock, and the share that was lost). Everything is started anew for each turn; devices take turns; medians
count, and a ratio is one of the same round.

  af_packet, af_xdp  veth pairs, in a network namespace of this program's own; need root
  memif              the device listens, the generator connects
  vhost-user         the device is the host, the generator has two virtio-user cards; -packed: with packed virtqueues
  ring               weft's engine in the generator's process; and the generator alone, by a ring back to itself ("loop")

The devices are testpmd, weft as it runs by default (its worker sleeps when nothing comes), and weft-poll (weftd --poll, which
never sleeps; nor does testpmd). None has huge pages. The column core is how much of a CPU the forwarding thread had in its
busiest second. Where Mpps and sent are one, the generator is the limit, and what the device can do is not known.

Needs dpdk-testpmd (package dpdk-dev) and two CPUs.

Example: bench/wires.py --kinds memif vhost-user --rounds 7 --size 64 1518
"""
import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import common
from peer_devices import Failed, process, wait_for

CLONE_NEWNET = 0x40000000
PATIENCE_SECONDS = 60
FLOOD, SLOW = "100mpps", "10kpps"  # more than any of these wires takes; next to nothing
ADDRESSES = ("10.0.1.10", "10.0.1.11")
TOPOLOGY = """\
version: 1
vpc: {{cidr: 10.0.0.0/16}}
subnets:
  - {{name: main, cidr: 10.0.1.0/24}}
security_groups:
  - name: ends
    ingress: [{{protocol: udp, port: 9, cidr: 10.0.1.0/24}}]
instances:
  - {{name: a, interfaces: [{{private_ip: 10.0.1.10, security_groups: [ends], port: {0}}}]}}
  - {{name: b, interfaces: [{{private_ip: 10.0.1.11, security_groups: [ends], port: {1}}}]}}
"""


class Kind(NamedTuple):
    """The ends of a wire; {n} is its number, {socket} a path, {mac} that of the instance's interface."""
    weft: str       # a port of the topology file
    testpmd: str    # arguments of a DPDK device
    generator: str  # the same
    veth: bool = False


def kernel_kind(driver):
    return Kind(f"{{{{driver: ethdev, device: 'net_{driver},iface=device{{n}}'}}}}", f"net_{driver}{{n}},iface=device{{n}}",
                f"net_{driver}{{n}},iface=generator{{n}}", veth=True)


def vhost_kind(packed):
    return Kind("{{driver: vhost-user, socket: {socket}}}", "net_vhost{n},iface={socket},queues=1",
                f"net_virtio_user{{n}},path={{socket}},queues=1,packed_vq={packed},mac={{mac}}")


MEMIF = "net_memif{n},role=%s,id=0,socket={socket},socket-abstract=no"
WIRES = {"af_packet": kernel_kind("af_packet"), "af_xdp": kernel_kind("af_xdp"),
         "memif": Kind("{{driver: memif, socket: {socket}}}", MEMIF % "server", MEMIF % "client" + ",mac={mac}"),
         "vhost-user": vhost_kind(0), "vhost-user-packed": vhost_kind(1)}
RING = {"loop": ["--port", "net_ring0", "--cpus", "0"], "weft": ["--engine", "--cpus", "0,1"]}


class Turn(NamedTuple):
    options: argparse.Namespace
    kind: Kind
    directory: pathlib.Path

    def ends(self, what, macs=("", "")):
        return [what.format(n=n, socket=self.directory / f"{n}.sock", mac=macs[n]) for n in (0, 1)]


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def veths(kind):
    """device0 and device1 are one end each, generator0 and generator1 the other."""
    made = []
    try:
        for n in (0, 1) if kind.veth else ():
            ip("link", "add", f"device{n}", "type", "veth", "peer", "name", f"generator{n}")
            made.append(f"device{n}")
            for name in (f"device{n}", f"generator{n}"):  # nobody but the two programs sends
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
                ip("link", "set", name, "arp", "off", "up")
        yield
    finally:
        for name in made:
            ip("link", "delete", name)


@contextlib.contextmanager
def testpmd(turn):
    """Gives the thread that forwards, as its process and its name, and the MACs that frames must have: any."""
    command = ["dpdk-testpmd", "--lcores", "0@1,1@1", "--main-lcore", "0", "--no-huge", "-m", "256", "--no-pci",
               "--no-telemetry", "--no-shconf", *(f"--vdev={port}" for port in turn.ends(turn.kind.testpmd)),
               "--", "--forward-mode=io", "--nb-cores=1", "--rxd=1024", "--txd=1024", "--total-num-mbufs=8192"]
    log = turn.directory / "testpmd.log"
    with process(command, log, env=os.environ | {"RUNTIME_DIRECTORY": str(turn.directory)}) as started:
        # It waits for links, which memif and vhost-user have when the generator comes, and forwards then.
        wait_for(lambda: "Checking link statuses" in log.read_text(), started, seconds=PATIENCE_SECONDS)
        yield (started.pid, "rte-worker-1"), ("02:00:00:00:00:0a", "02:00:00:00:00:0b")


@contextlib.contextmanager
def weft(turn, *words):
    with common.deployment(turn.options.build) as deployment:
        build, run = turn.options.build.resolve(), pathlib.Path(deployment.environment["WEFT_RUNTIME_DIR"])
        command = [build / "tools/weftd/weftd", "--cpus", "1", "--no-huge", *words]
        with process(command, turn.directory / "weftd.log", env=deployment.environment) as started:
            wait_for((run / "api.sock").exists, started, seconds=PATIENCE_SECONDS)
            topology = turn.directory / "topology.yaml"
            topology.write_text(TOPOLOGY.format(*turn.ends(turn.kind.weft)))
            deployment.run("up", topology)
            macs = {one["name"]: one["interfaces"][0]["mac"] for one in json.loads(deployment.run("ps", "-o", "json"))}
            yield (started.pid, "weft-worker-0"), (macs["a"], macs["b"])
            flows = json.loads(deployment.run("flows", "--limit", 100, "-o", "json"))
            if not flows or not all(flow["initiator"]["tracked"] for flow in flows):
                raise Failed("weft did not track the flows")


DEVICES = {"testpmd": testpmd, "weft": weft, "weft-poll": lambda turn: weft(turn, "--poll")}


def cpu_seconds(thread):
    """Of the thread (process, name)."""
    if thread is None:
        return 0
    process_id, name = thread
    for task in pathlib.Path(f"/proc/{process_id}/task").iterdir():
        found = re.match(r"\d+ \((.*)\) (.*)", (task / "stat").read_text())
        if found[1] == name:
            return sum(map(int, found[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    raise Failed(f"process {process_id} has no thread {name}")


def generate(turn, arguments, rate, thread=None):
    """One trial of weft-gen's after a warm-up, and the thread's share of its CPU in the busiest second."""
    options = turn.options
    command = [options.build / "tools/weft-gen/weft-gen", "latency", *arguments, "--rate", rate, "--max-rate", rate,
               "--search-seconds", 0.3, "--trial-seconds", options.seconds, "--drain", 0.2, "--no-huge",
               "--size", options.bytes, "--flows", options.flows, "--destination-port", 9, "-q", "-o", "json"]
    log = turn.directory / "weft-gen.log"
    with process(command, log) as started:
        share, before, at = 0, cpu_seconds(thread), time.monotonic()
        deadline = at + PATIENCE_SECONDS + 10 * options.seconds
        while started.poll() is None:
            if time.monotonic() > deadline:
                raise Failed("weft-gen did not end")
            time.sleep(0.05)
            if (clock := time.monotonic()) >= at + 1:
                now = cpu_seconds(thread)
                share, before, at = max(share, (now - before) / (clock - at)), now, clock
    if started.returncode != 0:
        raise Failed(f"weft-gen: exit {started.returncode}")
    text = log.read_text()  # what drivers say is before and behind the report
    trial = json.JSONDecoder().raw_decode(text, text.index("{\n"))[0]["sizes"][0]["latency"][0]
    if trial["received_pps"] == 0:
        raise Failed("nothing came through")
    return trial, share


def measured(turn, arguments, thread=None):
    flood, core = generate(turn, arguments, FLOOD, thread)
    slow, _ = generate(turn, arguments, SLOW)
    latency = slow["directions"][0]["latency"]
    return {"mpps": flood["received_pps"] / 1e6, "sent_mpps": flood["offered_pps"] / 1e6, "core": core,
            "p50_us": latency["p50_us"], "p99_us": latency["p99_us"], "lost_slowly": slow["loss_ratio"]}


def turn_of(options, kind, device):
    with tempfile.TemporaryDirectory(prefix="weft-wires-") as name:
        turn = Turn(options, WIRES.get(kind), pathlib.Path(name))
        try:
            if kind == "ring":
                return measured(turn, RING[device])
            with veths(turn.kind), DEVICES[device](turn) as (thread, macs):
                if turn.kind.veth:
                    for n in (0, 1):
                        ip("link", "set", f"generator{n}", "address", macs[n])
                ports = [word for port in turn.ends(turn.kind.generator, macs) for word in ("--port", port)]
                return measured(turn, [*ports, "--cpus", 0, "--source", ADDRESSES[0], "--destination", ADDRESSES[1]], thread)
        except (Failed, subprocess.SubprocessError, OSError) as error:
            logs = "".join(f"--- {log.name}\n{log.read_text()[-2000:]}\n" for log in sorted(turn.directory.glob("*.log")))
            raise SystemExit(f"wires.py: {kind}, {device}: {error}\n{logs}")


def compare(options, kind):
    devices = list(RING) if kind == "ring" else options.devices
    runs = {device: [] for device in devices}
    for number in range(options.rounds):
        for device in devices if number % 2 == 0 else reversed(devices):
            runs[device].append(turn_of(options, kind, device))
    result = {"kind": kind, "wire_bytes": options.bytes, "flows": options.flows, "devices": {
        device: {key: common.median(run[key] for run in of) for key in of[0]} | {"runs": of} for device, of in runs.items()}}
    for device in devices:
        if "testpmd" in runs and device != "testpmd":
            ratios = [ours["mpps"] / theirs["mpps"] for ours, theirs in zip(runs[device], runs["testpmd"])]
            result["devices"][device] |= {"ratio": common.median(ratios), "ratios": ratios}
    return result


def print_table(result):
    print(f"{result['kind']}, {result['wire_bytes']} bytes, {result['flows']} flows\n  {'':<11}{'Mpps':>7}{'sent':>7}"
          f"{'core':>6}{'p50 us':>9}{'p99 us':>9}{'lost':>8}   Mpps / testpmd's")
    for device, one in result["devices"].items():
        ratio = f"   {one['ratio']:.2f} ({min(one['ratios']):.2f}-{max(one['ratios']):.2f})" if "ratio" in one else ""
        core = "-" if result["kind"] == "ring" else f"{one['core']:.0%}"
        print(f"  {device:<11}{one['mpps']:>7.2f}{one['sent_mpps']:>7.2f}{core:>6}{one['p50_us']:>9.1f}{one['p99_us']:>9.1f}"
              f"{one['lost_slowly']:>8.2%}{ratio}", flush=True)


def main():
    parser = common.parser(__doc__, rounds=5)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    kinds = [*WIRES, "ring"]
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds, help="default: all, in turn")
    parser.add_argument("--devices", nargs="+", choices=DEVICES, default=list(DEVICES), help="default: all, in turn")
    parser.add_argument("--size", type=int, nargs="+", default=[64], help="bytes of a frame, 64 to 1518 (default: 64)")
    parser.add_argument("--flows", type=int, default=1000, help="default: 1000")
    parser.add_argument("--seconds", type=float, default=3, help="of each trial, after a warm-up (default: 3)")
    options = parser.parse_args()
    if options.check:
        parser.error("--check: no limit has been set for these ports")
    if not all(64 <= size <= 1518 for size in options.size):
        parser.error("--size is of 64 to 1518 bytes")
    if shutil.which("dpdk-testpmd") is None:
        raise SystemExit("wires.py: no dpdk-testpmd: apt-get install dpdk-dev")
    if not {0, 1} <= os.sched_getaffinity(0):
        raise SystemExit("wires.py: needs the CPUs 0 and 1, one for the generator and one for the device")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0:
        usable = options.kinds
    else:
        usable = [kind for kind in options.kinds if kind not in WIRES or not WIRES[kind].veth]
        for kind in sorted(set(options.kinds) - set(usable)):
            print(f"wires.py: {kind} is left out: it needs root", file=sys.stderr)
    results = []
    for kind in usable:
        for options.bytes in options.size:
            results.append(compare(options, kind))
            if options.output == "table":
                print_table(results[-1])
    if options.output == "json":
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
