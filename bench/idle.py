#!/usr/bin/env python3
"""CPU time of an idle weftd with its instances up, in per cent of one core. Limit of --check: 2 %."""
import json
import os
import pathlib
import sys
import time

from common import ROOT, deployment, median, parser

LIMIT_PERCENT = 2.0
MANY = """version: 1
vpc: {{cidr: 10.0.0.0/16}}
subnets: [{{name: main, cidr: 10.0.0.0/16, az: use1-az1}}]
security_groups: [{{name: all, ingress: [{{protocol: all, group: all}}], egress: [{{protocol: all, group: all}}]}}]
instances: [{{name: node, count: {}, interfaces: [{{subnet: main, security_groups: [all]}}]}}]
"""


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    p = parser(__doc__, 5)
    p.add_argument("--seconds", type=float, default=4, help="of each round (default: 4)")
    p.add_argument("--instances", type=int, help="with a TAP each (default: the two of examples/hpc-cluster.yaml)")
    arguments = p.parse_args()
    with deployment(arguments.build) as d:
        topology = ROOT / "examples/hpc-cluster.yaml"
        if arguments.instances:
            topology = pathlib.Path(d.directory.name) / "many.yaml"
            topology.write_text(MANY.format(arguments.instances))
        begin = time.monotonic()
        d.run("up", topology, timeout=600)
        up_seconds = time.monotonic() - begin
        pid = json.loads(d.run("status", "-o", "json"))["pid"]
        time.sleep(1)
        percents = []
        for _ in range(arguments.rounds):
            before = cpu_seconds(pid)
            time.sleep(arguments.seconds)
            percents.append((cpu_seconds(pid) - before) / arguments.seconds * 100)
    idle = median(percents)
    print(json.dumps({"idle_percent": idle, "up_seconds": up_seconds}) if arguments.output == "json"
          else f"idle weftd: {idle:.2f} % of a core (limit {LIMIT_PERCENT:.0f} %); up in {up_seconds:.2f} s")
    return arguments.check and idle > LIMIT_PERCENT


sys.exit(main())
