#!/usr/bin/env python3
"""From `weft up` on a machine without a daemon to the first ping answered between two instances: 2 and 50 of them.

Limits of --check: 2 s for 2 instances, 10 s for 50.
"""
import json
import sys
import time

from common import ROOT, deployment, median, parser

CASES = {2: ("hpc-cluster.yaml", 2.0), 50: ("fifty.yaml", 10.0)}


def first_ping(build, topology):
    with deployment(build) as d:
        start = time.monotonic()
        d.run("up", ROOT / "examples" / topology)
        names = [instance["name"] for instance in json.loads(d.run("ps", "-o", "json"))]
        up = time.monotonic() - start
        d.run("exec", names[0], "--", "ping", "-c1", "-W5", names[-1])
        return len(names), up, time.monotonic() - start


def main():
    arguments = parser(__doc__, 5).parse_args()
    late = False
    results = []
    for count, (topology, limit) in CASES.items():
        runs = [first_ping(arguments.build, topology) for _ in range(arguments.rounds)]
        assert all(run[0] == count for run in runs), f"{topology} has {runs[0][0]} instances, not {count}"
        up, ping = median(run[1] for run in runs), median(run[2] for run in runs)
        results.append({"instances": count, "up_s": up, "first_ping_s": ping, "limit_s": limit})
        late |= ping > limit
    if arguments.output == "json":
        print(json.dumps(results, indent=1))
    else:
        for r in results:
            print(f"{r['instances']:3} instances: up {r['up_s']:.2f} s, first ping {r['first_ping_s']:.2f} s "
                  f"(limit {r['limit_s']:.0f} s)")
    return arguments.check and late


sys.exit(main())
