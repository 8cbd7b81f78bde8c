#!/usr/bin/env python3
"""MPI over weft and over libfabric's `tcp` provider, on one emulated fabric in which something goes wrong.

Two ranks in two instances of two racks, 16 paths between them of 5 us each way. A row is a fault of that fabric; both transports
run in each, one after the other, `--rounds` times. Latency is half a round trip of 8 bytes, the median and what one in a hundred
exceeds; bandwidth that of messages of 1 MiB. `tcp` is one flow, which keeps one path; so what is wrong there is wrong on all paths
in the rows that compare both, and the rows with one bad path are weft's.
"""
import json
import sys

from common import ROOT, deployment, median, parser

FABRIC = "fabric: {spines: 16, spine: {latency: 5us}}\n"
# name, faults that are set, whether `tcp` runs, too
FABRICS = [
    ("nothing", [], True),
    ("one path loses 1 %", [("--path", "3", "--loss", "1%")], False),
    ("one path is down", [("--path", "3", "--down")], False),
    ("one path goes down for 20 of 100 ms", [("--path", "3", "--flap-period", "100ms", "--flap-down", "20ms")], False),
    ("all lose 0.1 %", [("--loss", "0.1%")], True),
    ("all lose 1 %", [("--loss", "1%")], True),
]


def topology():
    """Without an instance type: its limit of a single flow, 5 Gbps here, drops what is above and keeps kernel TCP at a tenth of
    it (docs/srd.md); EFA has no such limit, and this is about the fabric."""
    example = (ROOT / "examples/hpc-cluster.yaml").read_text().replace("strategy: cluster", "strategy: spread")
    return "".join(line for line in example.splitlines(True) if not line.lstrip().startswith("type: hpc")) + FABRIC


def measure(d, build, *options):
    text = d.run("mpirun", "-n", 2, *options, build.resolve() / "tests/mpi/weft-mpi-latency", "--json", timeout=900)
    rows = {row["bytes"]: row for row in json.loads(text[text.index("["):])}
    return {"latency": rows[8]["latency_us"], "p99": rows[8]["latency_p99_us"], "bandwidth": rows[1 << 20]["bandwidth_mbps"]}


def medians(runs):
    return {key: median(run[key] for run in runs) for key in runs[0]} if runs else None


def main():
    p = parser(__doc__, 3)
    p.add_argument("--only", help="rows whose name contains this")
    arguments = p.parse_args()
    rows = []
    with deployment(arguments.build) as d:
        file = d.directory.name + "/topology.yaml"
        with open(file, "w") as out:
            out.write(topology())
        d.run("up", file)
        for name, faults, both in FABRICS:
            if arguments.only and arguments.only not in name:
                continue
            for number, fault in enumerate(faults):
                d.run("fault", "set", f"bench-{number}", *fault)
            weft, tcp = [], []
            for done in range(arguments.rounds):
                print(f"{name}: round {done + 1} of {arguments.rounds}", file=sys.stderr)
                weft.append(measure(d, arguments.build))
                if both:
                    tcp.append(measure(d, arguments.build, "--provider", "tcp"))
            d.run("fault", "clear", "--all")
            rows.append({"fabric": name, "weft": medians(weft), "tcp": medians(tcp)})
    if arguments.output == "json":
        print(json.dumps(rows, indent=1))
        return
    print("| what is wrong | 8 B us | p99 | 1 MiB MB/s | of nothing wrong | tcp: 8 B us | p99 | 1 MiB MB/s |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        w, t = row["weft"], row["tcp"]
        theirs = f"{t['latency']:.1f} | {t['p99']:.0f} | {t['bandwidth']:.0f}" if t else "- | - | -"
        print(f"| {row['fabric']} | {w['latency']:.1f} | {w['p99']:.0f} | {w['bandwidth']:.0f} | "
              f"{w['bandwidth'] / rows[0]['weft']['bandwidth']:.0%} | {theirs} |")


if __name__ == "__main__":
    main()
