#!/usr/bin/env python3
"""TCP between two network namespaces: through weftd's TAPs, and through a Linux bridge with veth and nftables.

Both sides follow connections, refuse by default, and let new ones by to iperf3's port only; both have the same MTU and
the kernel's default offloads. iperf3 runs on one, then on the other, round after round; medians and their ratio are
printed. A frame is what an interface counts: up to 64 KiB of TCP; acknowledgements are frames too. Needs no root.
Limit of --check: 0.4x of the bridge in every case asked for.

Example: bench/tap.py --build build-release --cases one four --rounds 5
"""
import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys

from common import ROOT, deployment, median, parser

LIMIT = 0.4
CASES = {  # iperf3's options, and what the table says
    "one": (["-l", "128K"], "1 stream, writes of 128 KiB"),
    "four": (["-P", "4", "-l", "128K"], "4 streams, writes of 128 KiB"),
    "both-ways": (["--bidir", "-l", "128K"], "1 stream each way, writes of 128 KiB"),
    "8k": (["-l", "8K"], "1 stream, writes of 8 KiB"),
    "1k": (["-N", "-l", "1K"], "1 stream, writes of 1 KiB, no delay"),
    "64": (["-N", "-l", "64"], "1 stream, writes of 64 bytes, no delay"),
}
TOPOLOGY = """\
version: 1
vpc: {cidr: 10.9.0.0/16}
subnets:
  - {name: main, cidr: 10.9.0.0/24}
security_groups:
  - name: left
    egress: [{protocol: tcp, port: 5201, group: right}]
  - name: right
    ingress: [{protocol: tcp, port: 5201, group: left}]
    egress: []
instances:
  - {name: left, interfaces: [{private_ip: 10.9.0.11, security_groups: [left]}]}
  - {name: right, interfaces: [{private_ip: 10.9.0.12, security_groups: [right]}]}
"""


class Weft:
    name, server = "weft", "10.9.0.12"

    def __init__(self, d):
        self.environment = d.environment
        self.inside = lambda host: [str(d.weft), "exec", host, "--"]


class Bridge:
    name, server = "bridge", "10.9.0.2"

    def __init__(self, holder):
        self.environment = os.environ
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.inside = lambda host: ["nsenter", "--target", str(holder.pid), *user, "--mount", "--net",
                                    "ip", "netns", "exec", host]


@contextlib.contextmanager
def weft(build, mtu):
    with deployment(build) as d:
        topology = pathlib.Path(d.directory.name) / "tap.yaml"
        topology.write_text(TOPOLOGY)
        d.run("up", topology)
        for host in ("left", "right"):
            d.run("exec", host, "--", "ip", "link", "set", "eth0", "mtu", mtu)
        yield Weft(d)


@contextlib.contextmanager
def bridge(mtu):
    with subprocess.Popen([ROOT / "bench/nft_bridge.sh", str(mtu)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as holder:
        if holder.stdout.readline() != "ready\n":
            print("the bridge could not be made; it needs nftables, and namespaces that this user may make", file=sys.stderr)
            sys.exit(77)  # meson: nothing to compare with
        yield Bridge(holder)
        holder.stdin.close()


def frames(device, host):
    """Sent and received by the host's eth0."""
    text = subprocess.run([*device.inside(host), "cat", "/proc/net/dev"], env=device.environment, check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    fields = text.split("eth0:")[1].split()
    return int(fields[1]) + int(fields[9])


def iperf(device, options, seconds):
    server = subprocess.Popen([*device.inside("right"), "iperf3", "-s", "-1", "--forceflush"], env=device.environment,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with server:
        for line in server.stdout:
            if "listening" in line:
                break
        else:
            raise SystemExit(f"{device.name}: iperf3 does not listen")
        before = frames(device, "left")
        client = subprocess.run([*device.inside("left"), "iperf3", "-c", device.server, "-J", "-t", str(seconds), *options],
                                env=device.environment, text=True, stdout=subprocess.PIPE, timeout=60 + seconds)
        server.stdout.read()
    said = json.loads(client.stdout)
    if "error" in said:
        raise SystemExit(f"{device.name}: iperf3: {said['error']}")
    ends = [said["end"][key] for key in ("sum_received", "sum_received_bidir_reverse") if key in said["end"]]
    sent = said["end"]["sum_sent"]
    lasted = sent["seconds"]
    return {"gbps": sum(end["bits_per_second"] for end in ends) / 1e9,
            "frames_per_s": (frames(device, "left") - before) / lasted,
            "segments_per_s": sum(end["bits_per_second"] for end in ends) / 8 / said["start"]["tcp_mss_default"],
            "retransmits": sent["retransmits"]}


def medians(runs):
    return {key: median(run[key] for run in runs) for key in runs[0]}


def measure(devices, options, rounds, seconds):
    runs = {device.name: [] for device in devices}
    for number in range(rounds):
        for device in devices if number % 2 == 0 else reversed(devices):
            runs[device.name].append(iperf(device, options, seconds))
    ratios = [ours["gbps"] / theirs["gbps"] for ours, theirs in zip(runs["weft"], runs["bridge"])]
    return {name: medians(of) for name, of in runs.items()} | {
        "ratio": median(ratios), "lowest_ratio": min(ratios), "highest_ratio": max(ratios)}


def print_table(results, mtu):
    print(f"TCP, MTU {mtu}: medians\n"
          f"{'':40} {'weft':^27}   {'bridge':^27}   ratio\n"
          f"{'case':40} " + "   ".join([f"{'Gb/s':>6} {'kframes/s':>9} {'resent':>6}   "] * 2))
    for row in results:
        print(f"{row['what']:40} " + "   ".join(
            f"{row[name]['gbps']:6.2f} {row[name]['frames_per_s'] / 1e3:9.1f} {row[name]['retransmits']:6.0f}   "
            for name in ("weft", "bridge")) +
            f"  {row['ratio']:5.2f} ({row['lowest_ratio']:.2f}-{row['highest_ratio']:.2f})")


def main():
    p = parser(__doc__, 5)
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), help="which (default: all)")
    p.add_argument("--seconds", type=int, default=2, help="length of a run (default: 2)")
    p.add_argument("--mtu", type=int, default=9001, help="of both interfaces on both sides (default: 9001)")
    arguments = p.parse_args()
    results = []
    with weft(arguments.build, arguments.mtu) as ours, bridge(arguments.mtu) as theirs:
        for name in arguments.cases:
            options, what = CASES[name]
            results.append({"case": name, "what": what} |
                           measure([ours, theirs], options, arguments.rounds, arguments.seconds))
    if arguments.output == "json":
        print(json.dumps({"mtu": arguments.mtu, "cases": results}, indent=1))
    else:
        print_table(results, arguments.mtu)
    return arguments.check and min(row["ratio"] for row in results) < LIMIT


if __name__ == "__main__":
    sys.exit(main())
