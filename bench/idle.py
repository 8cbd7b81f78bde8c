#!/usr/bin/env python3
"""CPU time of an idle weftd with two instances up, in per cent of one core. Limit of --check: 2 %."""
import json
import os
import sys
import time

from common import ROOT, deployment, median, parser

LIMIT_PERCENT = 2.0


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    p = parser(__doc__, 5)
    p.add_argument("--seconds", type=float, default=4, help="of each round (default: 4)")
    arguments = p.parse_args()
    with deployment(arguments.build) as d:
        d.run("up", ROOT / "examples/hpc-cluster.yaml")
        pid = json.loads(d.run("status", "-o", "json"))["pid"]
        time.sleep(1)
        percents = []
        for _ in range(arguments.rounds):
            before = cpu_seconds(pid)
            time.sleep(arguments.seconds)
            percents.append((cpu_seconds(pid) - before) / arguments.seconds * 100)
    idle = median(percents)
    print(json.dumps({"idle_percent": idle}) if arguments.output == "json"
          else f"idle weftd: {idle:.2f} % of a core (limit {LIMIT_PERCENT:.0f} %)")
    return arguments.check and idle > LIMIT_PERCENT


sys.exit(main())
