#!/usr/bin/env python3
"""Memory of many ranks on one host, each talking to each: what the provider and the daemon take for their endpoints.

    bench/many_ranks.py --build build [--ranks 256]

Exit code 1: more than --limit MiB for all ranks together, the daemon's included (issue 5: 512 MiB for 256 ranks).
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/mpi"))
import loopback  # noqa: E402


def kib_of(pid, file, name):
    for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--ranks", type=int, default=256)
    parser.add_argument("--limit", type=float, default=512, help="MiB (default: 512)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    with loopback.loopback_daemon(build, ["node-0"]) as (daemon, runtime):
        before = kib_of(daemon.pid, "status", "RssAnon") + kib_of(daemon.pid, "status", "VmPTE")
        environment = loopback.environment(build, runtime) | {"WEFT_INSTANCE": "node-0"}
        result = json.loads(subprocess.run([build / "bench/bench_many_ranks", "--ranks", str(arguments.ranks), "--json"],
                                           env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout)
        result["daemon_kib"] = kib_of(daemon.pid, "status", "RssAnon") + kib_of(daemon.pid, "status", "VmPTE") - before
    total = (result["pss_kib"] - result["pss_before_kib"] + result["page_tables_kib"] - result["page_tables_before_kib"] +
             result["daemon_kib"]) / 1024
    result["total_mib"] = round(total, 1)
    if arguments.json:
        print(json.dumps(result))
    else:
        print(f"{result['ranks']} ranks: {total:.1f} MiB for their endpoints and channels, of it "
              f"{(result['page_tables_kib'] - result['page_tables_before_kib']) / 1024:.1f} MiB page tables and "
              f"{result['daemon_kib'] / 1024:.1f} MiB of the daemon")
    sys.exit(0 if total <= arguments.limit else 1)


if __name__ == "__main__":
    main()
