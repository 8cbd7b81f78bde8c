#!/usr/bin/env python3
"""Counts what the last `meson test` runs of the given build directories ran: GoogleTest cases one by one, a script's
own count where it prints "N passed", other programs as one."""
import argparse
import json
import pathlib
import re
import sys

parser = argparse.ArgumentParser()
parser.add_argument("directories", nargs="+")
parser.add_argument("--minutes", type=int, required=True)
arguments = parser.parse_args()

GTEST = re.compile(r"\[  PASSED  \] (\d+) tests?\.")
SCRIPT = re.compile(r"^(\d+) passed", re.M)
counts = []
for directory in arguments.directories:
    total = 0
    # tools/test.sh gives each of its runs a log of its own (meson overwrites the default one).
    for log in pathlib.Path(directory, "meson-logs").glob("testlog-*.json"):
        for line in log.read_text().splitlines():
            test = json.loads(line)
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                output = test.get("stdout") or ""
                found = GTEST.findall(output) or SCRIPT.findall(output)
                total += sum(map(int, found)) if found else 1
    counts.append(total)
if not all(counts):
    sys.exit("count_tests: a build directory has no test log; was `meson test` run in it?")
where = ", ".join(f"{count} in {directory}" for count, directory in zip(counts, arguments.directories))
print(f"{sum(counts)} tests passed ({where}) in {arguments.minutes} minutes")
