#!/usr/bin/env python3
"""The provider against its peers, interleaved round by round; medians over the rounds, and their ratio.

  limit      half a round trip of one cache line between the two cores: what both sides are measured against
  libfabric  two processes, pinned to a core each, bench_fabric_pair over weft and over `shm`
  mpi        two ranks, bound to a core each, Open MPI over weft and over `vader`; of one instance
  crowded    four ranks on two cores, both with mpi_yield_when_idle
  engine     two ranks in two instances, through weftd on the same two cores, against `tcp` across a plain veth pair
  staged     what of the first two copies by process_vm_readv, without it (FI_WEFT_CMA=0), against the same peers

A row is named section/case; --only takes a regular expression of them, and a section of which nothing is asked does not run.
Floor and goal are what is asked of the ratio weft / peer. --check: exit 1 where a floor is not reached.
"""
import argparse
import contextlib
import json
import os
import re
import subprocess
import sys

import mpi
from common import ROOT, deployment, median, parser

sys.path.insert(0, str(ROOT / "tests/mpi"))
import loopback  # noqa: E402

MIB = 1 << 20
# (section, case): unit, peer, floor, goal. Of microseconds less is better, of the other units more.
ROWS = {
    ("limit", "line"): ("us", "a cache line from core to core", None, None),
    ("libfabric", "tagged-8"): ("us", "shm", 0.45, 0.35),
    ("libfabric", "tagged-4096"): ("us", "shm", 0.7, 0.6),
    ("libfabric", "tagged-65536"): ("us", "shm", 0.85, 0.75),
    ("libfabric", f"bandwidth-{MIB}"): ("GB/s", "shm", 1.2, None),
    ("libfabric", "rate-8"): ("M/s", "shm", 3, 4),
    ("libfabric", "write-8"): ("us", "shm", 1, None),
    ("libfabric", "read-8"): ("us", "shm", 1, None),
    ("libfabric", f"write-{MIB}"): ("GB/s", "shm", 1, None),
    ("libfabric", f"read-{MIB}"): ("GB/s", "shm", 1, None),
    ("mpi", "latency-8"): ("us", "vader", 1.3, None),
    ("mpi", "latency-65536"): ("us", "vader", None, None),
    ("mpi", f"latency-{MIB}"): ("us", "vader", None, None),
    ("mpi", "bandwidth-65536"): ("GB/s", "vader", 1, None),
    ("mpi", f"bandwidth-{MIB}"): ("GB/s", "vader", 1, None),
    ("crowded", "ring-8"): ("us", "vader", 1, None),
    ("crowded", "ring-65536"): ("us", "vader", 1, None),
    ("crowded", "allreduce-8"): ("us", "vader", 1, None),
    ("crowded", "alltoall-4096"): ("us", "vader", 1, None),
    ("engine", "latency-8"): ("us", "tcp", 0.5, None),
    ("engine", "latency-4096"): ("us", "tcp", None, None),
    ("engine", "latency-65536"): ("us", "tcp", None, None),
    ("engine", "bandwidth-65536"): ("GB/s", "tcp", None, None),
    ("engine", f"bandwidth-{MIB}"): ("GB/s", "tcp", 2, None),
    ("staged", "tagged-65536"): ("us", "shm", None, None),
    ("staged", f"bandwidth-{MIB}"): ("GB/s", "shm", None, None),
    ("staged", f"write-{MIB}"): ("GB/s", "shm", None, None),
    ("staged", f"read-{MIB}"): ("GB/s", "shm", None, None),
    ("staged", "mpi-latency-65536"): ("us", "vader", None, None),
    ("staged", "mpi-bandwidth-65536"): ("GB/s", "vader", None, None),
    ("staged", f"mpi-bandwidth-{MIB}"): ("GB/s", "vader", None, None),
}
VADER = ["--mca", "pml", "ob1", "--mca", "btl", "vader,self"]
WEFT = ["--mca", "pml", "cm", "--mca", "mtl", "ofi", "--mca", "btl", "self", "--mca", "mtl_ofi_provider_include", "weft"]


def output_of(command, environment, seconds=180):
    done = subprocess.run([str(word) for word in command], env=environment, text=True, timeout=seconds,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise SystemExit(f"fabric.py: {' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout[done.stdout.index("["):])


class Round:
    """Runs whatever a section asks for, once for each side of it; each answer is {case: value}."""

    def __init__(self, build, wanted, runtime, deployed):
        self.build, self.wanted, self.deployed = build, wanted, deployed
        self.environment = loopback.environment(build, runtime)

    def with_settings(self, **settings):
        return self.environment | settings

    def pair(self, provider, cases, environment):
        command = [self.build / "bench/bench_fabric_pair", "--provider", provider, "--json", "--cases", ",".join(cases)]
        if provider == "weft":
            command += ["--instances", "node-0,node-1"]
        else:
            environment = {k: v for k, v in environment.items() if k not in ("FI_PROVIDER", "FI_PROVIDER_PATH")}
        return {row["case"]: row["value"] for row in output_of(command, environment)}

    def mpirun(self, how, environment, ranks, program, *options):
        return output_of(["mpirun", *options, *how, "-x", "WEFT_INSTANCE=node-0", "-n", ranks, self.build / program,
                          "--json"], environment)

    def latency(self, how, environment):
        return by_case({row["bytes"]: row for row in self.mpirun(
            how, environment, 2, "tests/mpi/weft-mpi-latency", "--map-by", "core", "--bind-to", "core")})

    def together(self, how, environment):
        rows = self.mpirun(how, environment, 4, "bench/weft-mpi-together", "--oversubscribe", "--bind-to", "none",
                           "--mca", "mpi_yield_when_idle", "1")
        return {row["case"]: row["us"] for row in rows}

    def run(self):
        """{(section, case): (weft, peer)} of every row that is wanted."""
        sections = {section: [case for s, case in self.wanted if s == section] for section, _ in self.wanted}
        plain, staged = self.environment, self.with_settings(FI_WEFT_CMA="0")
        found, shm, vader = {}, {}, {}

        def note(section, ours, theirs):
            for case in sections[section]:
                if case in ours:
                    found[section, case] = ours[case], theirs[case]

        if "limit" in sections:
            line = self.pair("shm", ["line"], plain)
            note("limit", line, line)
        pair_staged = [case for case in sections.get("staged", []) if not case.startswith("mpi-")]
        pair_cases = list(dict.fromkeys(sections.get("libfabric", []) + pair_staged))
        if pair_cases:
            shm = self.pair("shm", pair_cases, plain)
        if "libfabric" in sections:
            note("libfabric", self.pair("weft", sections["libfabric"], plain), shm)
        if pair_staged:
            note("staged", self.pair("weft", pair_staged, staged), shm)
        mpi_staged = len(sections.get("staged", [])) > len(pair_staged)
        if "mpi" in sections or mpi_staged:
            vader = self.latency(VADER, plain)
        if "mpi" in sections:
            note("mpi", self.latency(WEFT, plain), vader)
        if mpi_staged:
            ours = self.latency(WEFT, staged)
            note("staged", *({f"mpi-{case}": value for case, value in side.items()} for side in (ours, vader)))
        if "crowded" in sections:
            note("crowded", self.together(WEFT, plain), self.together(VADER, plain))
        if "engine" in sections:
            note("engine", by_case(mpi.weft_round(self.deployed, self.build, "-x", "FI_WEFT_EXPRESS=0")),
                 by_case(mpi.tcp_round(self.build)))
        return found


def by_case(rows):
    """weft-mpi-latency's rows as {"latency-8": microseconds, "bandwidth-8": GB/s, ...}."""
    cases = {f"latency-{size}": row["latency_us"] for size, row in rows.items()}
    return cases | {f"bandwidth-{size}": row["bandwidth_mbps"] / 1e3 for size, row in rows.items()}


def summary(key, pairs, slack):
    unit, peer, floor, goal = ROWS[key]
    weft, other = (median(values) for values in zip(*pairs))
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ratio = weft / other
    if floor is not None:
        floor = round(floor * slack if unit == "us" else floor / slack, 2)
    held = floor is None or (ratio <= floor if unit == "us" else ratio >= floor)
    return {"section": key[0], "case": key[1], "unit": unit, "weft": weft, "peer": peer, "peer_value": other, "ratio": ratio,
            "ratio_least": ratios[0], "ratio_most": ratios[-1], "floor": floor, "goal": goal, "held": held}


def asked(row):
    sign = "<=" if row["unit"] == "us" else ">="
    goal = "" if row["goal"] is None else f" ({row['goal']})"
    return "" if row["floor"] is None else f"{sign} {row['floor']}{goal} {'' if row['held'] else 'NOT REACHED'}".strip()


def print_table(rows):
    print("| section | case | weft | peer | | ratio | of rounds | asked |\n|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['section']} | {row['case']} | {row['weft']:.2f} {row['unit']} | {row['peer_value']:.2f} {row['unit']} "
              f"| {row['peer']} | {row['ratio']:.2f} | {row['ratio_least']:.2f}-{row['ratio_most']:.2f} | {asked(row)} |")


def main():
    p = parser(__doc__, 7)
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("--only", default="", help="regular expression of section/case")
    p.add_argument("--slack", type=float, default=1, metavar="FACTOR",
                   help="floors this much lower, for a machine that does other things too (default: 1)")
    options = p.parse_args()
    build = options.build.resolve()
    wanted = [key for key in ROWS if re.search(options.only, "/".join(key))]
    if not wanted:
        raise SystemExit(f"fabric.py: --only {options.only} leaves nothing of: {', '.join('/'.join(key) for key in ROWS)}")
    sections = {section for section, _ in wanted}
    programs = ["fabric/provider/libweft-fi.so", "tests/fabric/provider/weft-loopback-daemon", "bench/bench_fabric_pair"]
    if sections & {"mpi", "staged", "engine"}:
        programs += ["tests/mpi/weft-mpi-latency", "tools/weft/weft", "tools/weftd/weftd"]
    if "crowded" in sections:
        programs += ["bench/weft-mpi-together"]
    for program in programs:
        if not (build / program).exists():
            raise SystemExit(f"fabric.py: {build / program} is not there: ninja -C {build} {program}")
    if not {0, 1} <= os.sched_getaffinity(0):
        raise SystemExit("fabric.py: needs the CPUs 0 and 1, one for each process")
    rounds = []
    with contextlib.ExitStack() as stack:
        _, runtime = stack.enter_context(loopback.loopback_daemon(build, ["node-0", "node-1"]))
        deployed = None
        if any(section == "engine" for section, _ in wanted):
            deployed = stack.enter_context(deployment(build))
            deployed.run("up", ROOT / "examples/hpc-cluster.yaml")
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            rounds.append(Round(build, wanted, runtime, deployed).run())
    rows = [summary(key, [one[key] for one in rounds], options.slack) for key in wanted]
    if options.output == "json":
        print(json.dumps(rows, indent=1))
    else:
        print_table(rows)
    return options.check and not all(row["held"] for row in rows)


if __name__ == "__main__":
    sys.exit(main())
