#!/usr/bin/env python3
"""Runs an MPI program over libweft-fi.so without instances: a loopback daemon, and each rank in an instance of its own.

    loopback.py --build build -n 4 build/tests/mpi/weft-mpi-check

For the provider alone: no namespaces, no weftd, no engine. Exit code: mpirun's.
"""
import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

# As `weft mpirun` says it; not bound, for the ranks share few cores with the daemon (DESIGN D17).
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "pml", "cm", "--mca", "mtl", "ofi",
          "--mca", "mtl_ofi_provider_include", "weft"]


@contextlib.contextmanager
def loopback_daemon(build, instances):
    directory = tempfile.mkdtemp(prefix="weft-mpi-")
    runtime = directory + "/run"
    program = build / "tests/fabric/provider/weft-loopback-daemon"
    daemon = subprocess.Popen([program, runtime, *instances], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if daemon.stdout.readline() != "ready\n":
            sys.exit("the loopback daemon did not start")
        yield daemon, runtime
    finally:
        daemon.stdin.close()
        try:
            daemon.wait(5)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        shutil.rmtree(directory, ignore_errors=True)


def environment(build, runtime):
    return dict(os.environ, FI_PROVIDER="weft", FI_PROVIDER_PATH=str(build / "fabric/provider"),
                WEFT_RUNTIME_DIR=runtime, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


# Windows by messages over weft. Unless told so, ranks of one machine have them over `vader` or in shared memory.
BY_MESSAGES = ["--mca", "btl", "self", "--mca", "osc", "pt2pt"]
# osc/rdma over btl/ofi: windows by libfabric's reads, writes and atomics. The program fails where they are not chosen.
ONE_SIDED = ["--mca", "osc", "rdma", "--mca", "btl", "ofi,self", "--mca", "osc_rdma_btls", "ofi",
             "--mca", "btl_ofi_provider_include", "weft"]


def mpirun_command(ranks, instances, program, extra=BY_MESSAGES):
    command = [*MPIRUN, *extra]
    for rank in range(ranks):
        if rank:
            command.append(":")
        command += ["-n", "1", "-x", f"WEFT_INSTANCE={instances[rank % len(instances)]}", *map(str, program)]
    return command


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("-n", type=int, default=2, help="ranks")
    parser.add_argument("--instances", type=int, default=0, help="instances they are spread over (default: one each)")
    parser.add_argument("--one-sided", action="store_true", help="windows over btl/ofi")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    instances = [f"node-{i}" for i in range(arguments.instances or arguments.n)]
    with loopback_daemon(build, instances) as (_, runtime):
        sys.exit(subprocess.run(mpirun_command(arguments.n, instances, arguments.program,
                                               ONE_SIDED if arguments.one_sided else BY_MESSAGES),
                                env=environment(build, runtime)).returncode)


if __name__ == "__main__":
    main()
