#!/usr/bin/env python3
"""Instructions a packet of the engine, counted by valgrind's callgrind, against the limits of bench/instructions.limits.

Time is noisy where neighbours share a machine; instructions are not. A rung of the ladder (bench/README.md) makes its
flows unseen; then callgrind sees some ten thousand packets of the steady state, in which the engine's clock goes by turns.
So one build counts the same number again, whatever the length of the run. What the harness's own ports take is left out:
popping and pushing rings, and the answers that nat-10k needs. valgrind shows programs no AVX-512, so what libc and DPDK
choose by CPU is for AVX2; without that in the CPU there is nothing to compare and the check is left out (exit 77).

With --check, exits 1 when something is over its limit. When a change is meant to cost what it costs, or has made the
engine leaner, set the limits anew and commit the file: bench/instructions.py --build build --update.

Example: bench/instructions.py --build build flows-10k nat-10k
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import common

LIMITS = pathlib.Path(__file__).with_suffix(".limits")
PACKETS = 40_000
ROOM = 1.02  # what --update leaves above what it has counted: another release of the compiler may differ that much
TURN = re.compile(r"weft::EngineImpl::run_once\(")
PORT = re.compile(r"weft::(bench::)?\w+Port::\w+\(")


def read_limits():
    """([rung, limit], [rung, over, limit]) of the lines that are no comments."""
    limits, ratios = [], []
    for number, line in enumerate(LIMITS.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            if words[1] == "/":
                ratios.append((words[0], words[2], float(words[3])))
            else:
                limits.append((words[0], int(words[1])))
        except (IndexError, ValueError):
            raise SystemExit(f"{LIMITS}:{number}: neither `RUNG LIMIT why` nor `RUNG / RUNG LIMIT why`: {line}")
    return limits, ratios


def inclusive_costs(profile):
    """(callee, instructions with all that it called) of every call in a callgrind file."""
    names, callee = {}, None
    lines = iter(profile.read_text().splitlines())
    for line in lines:
        if found := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
            kind, number, name = found.groups()
            if name:
                names[number] = name
            if kind == "cfn":
                callee = names[number]
        elif line.startswith("calls="):
            yield callee, int(next(lines).split()[1])


def count(build, rung):
    with tempfile.TemporaryDirectory(prefix="weft-callgrind-") as directory:
        profile = pathlib.Path(directory) / "profile"
        command = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={profile}",
                   build / "bench/weft-bench-engine", rung, "--no-huge", "--callgrind", str(PACKETS)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        costs = list(inclusive_costs(profile))
    turns = sum(cost for callee, cost in costs if TURN.match(callee))
    ports = sum(cost for callee, cost in costs if PORT.match(callee))
    if turns == 0 or ports == 0:
        raise SystemExit(f"{rung}: the profile has no {'turn' if turns == 0 else 'port'} of the engine; "
                         "have the functions been renamed? (TURN and PORT in bench/instructions.py)")
    return (turns - ports) / json.loads(done.stdout)["packets"]


def count_all(build, rungs):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(rungs, pool.map(lambda rung: count(build, rung), rungs)))


def update(counted):
    """The limits of what was counted; ratios are promises and stay."""
    def anew(line):
        words = line.split()
        if not words or words[0] not in counted or words[1] == "/":
            return line
        return re.sub(r"^(\S+)(\s+)(\d+)", lambda m: f"{m[1]}{round(counted[m[1]] * ROOM):>{len(m[2] + m[3])}}", line)
    LIMITS.write_text("".join(anew(line) + "\n" for line in LIMITS.read_text().splitlines()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rungs", nargs="*", help="rungs (default: those of bench/instructions.limits)")
    parser.add_argument("--build", default=common.ROOT / "build", type=pathlib.Path, help="build directory (default: build)")
    parser.add_argument("--check", action="store_true", help="exit 1 when something is over its limit")
    parser.add_argument("--update", action="store_true", help=f"set the limits of the rungs to what is counted, and "
                        f"{ROOM - 1:.0%}")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("instructions.py: valgrind is not installed: tools/setup.sh")
    if " avx2 " not in pathlib.Path("/proc/cpuinfo").read_text():
        print("instructions.py: this CPU has no AVX2, and the limits were counted where libc and DPDK chose what is for it")
        return 77
    limits, ratios = read_limits()
    rungs = options.rungs or list(dict.fromkeys([rung for rung, _ in limits] + [rung for pair in ratios for rung in pair[:2]]))
    counted = count_all(options.build.resolve(), rungs)
    if options.update:
        update(counted)
        limits, ratios = read_limits()

    over = 0
    for rung in rungs:
        limit = dict(limits).get(rung)
        too_many = limit is not None and counted[rung] > limit
        over += too_many
        print(f"{rung:<16}{counted[rung]:>8.1f}  " + ("" if limit is None else f"limit {limit}" + (", OVER" if too_many else "")))
    for rung, base, limit in ratios:
        if rung in counted and base in counted:
            ratio = counted[rung] / counted[base]
            over += ratio > limit
            print(f"{rung} / {base}: {ratio:.3f}, limit {limit}{', OVER' if ratio > limit else ''}")
    if over:
        print(f"{over} over the limits of {LIMITS.name}: make it leaner, or see instructions.py --help about --update")
    return 1 if over and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
