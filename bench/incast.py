#!/usr/bin/env python3
"""Incast: N instances send a message each to one at once, round after round, over weft and over kernel TCP, on one emulated fabric.

Every instance stands on a rack of its own, 16 paths between any two, and each host's link carries --rate: the one of the receiver
is what they share (docs/fabric.md). One MPI program for all (bench/mpi_incast.cpp), over the weft provider, and over libfabric's
`tcp` with each congestion control that the kernel lets an instance choose. A flow is one message, from the beginning of its round to its end; a
round's time is that of its last message. `ideal` is what the link needs for the bytes alone.
"""
import json
import statistics
import sys

from common import deployment, parser

SUBNET = """version: 1
vpc: {cidr: 10.0.0.0/16}
hosts: {racks_per_zone: 64, hosts_per_rack: 1}
subnets:
  - {name: hpc, cidr: 10.0.1.0/24, az: use1-az1}
security_groups:
  - name: efa
    ingress: [{protocol: all, group: efa}]
    egress:  [{protocol: all, group: efa}]
instances:
  - name: node
    count: %(instances)d
    interfaces:
      - {subnet: hpc, type: efa, security_groups: [efa]}
fabric:
  spines: 16
  spine: {latency: %(latency)s}
  host: {rate: %(rate)s, queue: %(queue)s}
"""


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def bits_per_second(rate):
    for unit, factor in (("Tbps", 1e12), ("Gbps", 1e9), ("Mbps", 1e6), ("kbps", 1e3)):
        if rate.endswith(unit):
            return float(rate[: -len(unit)]) * factor
    raise SystemExit(f"incast.py: --rate {rate}: write a number and kbps, Mbps or Gbps, such as 2Gbps")


def congestion_controls(d):
    return d.run("exec", "node-0", "--", "sysctl", "-n", "net.ipv4.tcp_allowed_congestion_control").split()


def downlink(d, since):
    """Packets lost at the receiver's link, and all that came to it, since `since`."""
    for hop in json.loads(d.run("paths", "node-1", "node-0", "-o", "json")):
        if hop["hop"] == "downlink" and hop["to"] == "node-0":
            now = (hop["lost"]["queue"], hop["packets"])
            return now, (now[0] - since[0], now[1] - since[1])
    raise SystemExit("incast.py: `weft paths node-1 node-0` has no downlink of node-0")


def measure(d, arguments, options):
    before, _ = downlink(d, (0, 0))
    text = d.run("mpirun", "-n", arguments.senders + 1, *options, arguments.build.resolve() / "bench/weft-mpi-incast", "--bytes",
                 arguments.bytes, "--rounds", arguments.rounds, timeout=arguments.timeout)
    rounds = json.loads(text[text.index("[["):])
    _, (lost, packets) = downlink(d, before)
    rounds = rounds[len(rounds) // 10:]  # the first tenth warms up
    flows = [us for one in rounds for us in one]
    ends = [max(one) for one in rounds]
    return {"flow_p50_us": percentile(flows, 0.5), "flow_p99_us": percentile(flows, 0.99), "round_p50_us": statistics.median(ends),
            "round_p99_us": percentile(ends, 0.99), "lost": lost / max(packets, 1), "rounds_us": ends}


def main():
    p = parser(__doc__, 50)
    p.add_argument("--senders", type=int, default=16)
    p.add_argument("--bytes", type=int, default=1 << 20, help="of each message (default: 1 MiB)")
    p.add_argument("--rate", default="2Gbps", help="of every host's link (default: 2Gbps)")
    p.add_argument("--queue", default="256KiB", help="before it, in the switch (default: 256KiB)")
    p.add_argument("--latency", default="20us", help="of each path, one way (default: 20us)")
    p.add_argument("--only", default="", help="rows whose name contains this")
    p.add_argument("--timeout", type=float, default=900, help="seconds for one row (default: 900)")
    arguments = p.parse_args()
    program = arguments.build / "bench/weft-mpi-incast"
    if not program.exists():
        raise SystemExit(f"incast.py: {program} is not there: ninja -C {arguments.build} bench/weft-mpi-incast")
    ideal_us = arguments.senders * arguments.bytes * 8 / bits_per_second(arguments.rate) * 1e6
    rows = []
    with deployment(arguments.build) as d:
        file = d.directory.name + "/topology.yaml"
        with open(file, "w") as out:
            out.write(SUBNET % {"instances": arguments.senders + 1, "latency": arguments.latency, "rate": arguments.rate,
                                "queue": arguments.queue})
        d.run("up", file)
        cases = [("weft", None, [])] + [(f"tcp, {one}", one, ["--provider", "tcp"]) for one in congestion_controls(d)]
        for name, control, options in cases:
            if arguments.only not in name:
                continue
            print(name, file=sys.stderr)
            for node in range(arguments.senders + 1) if control else []:
                d.run("exec", f"node-{node}", "--", "sysctl", "-qw", f"net.ipv4.tcp_congestion_control={control}")
            rows.append({"name": name, "ideal_us": ideal_us} | measure(d, arguments, options))
    if arguments.output == "json":
        print(json.dumps(rows, indent=1))
    else:
        print("| over | ideal ms | flow p50 ms | p99 | round p50 ms | p99 | p99 of ideal | lost at the link |\n"
              "|---|---|---|---|---|---|---|---|")
        for row in rows:
            print(f"| {row['name']} | {ideal_us / 1e3:.1f} | " + " | ".join(
                f"{row[key] / 1e3:.1f}" for key in ("flow_p50_us", "flow_p99_us", "round_p50_us", "round_p99_us")) +
                f" | {row['round_p99_us'] / ideal_us:.2f} | {row['lost']:.2%} |")
    weft = [row["flow_p99_us"] for row in rows if row["name"] == "weft"]
    tcp = [row["flow_p99_us"] for row in rows if row["name"] != "weft"]
    # Reach of issue 6: p99 of completion at most half of TCP's, of the better of its congestion controls.
    return arguments.check and not (weft and tcp and weft[0] <= min(tcp) / 2)


if __name__ == "__main__":
    sys.exit(main())
