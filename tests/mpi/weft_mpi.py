"""MPI runs between real instances, on top of the scenarios' frame (tests/scenarios/weft_scenario.py)."""
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scenarios"))
from weft_modes import SKIP, may_use  # noqa: E402
from weft_scenario import check, equal, main as scenario_main  # noqa: E402

__all__ = ["CLUSTER", "LIMIT_SECONDS", "check", "equal", "main", "program", "provider_directory", "run_mpi", "start_mpi", "ends_in_time",
           "wait_for_line"]

LIMIT_SECONDS = 10  # nobody hangs longer, whatever dies (issue 2)

CLUSTER = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: hpc, cidr: 10.0.1.0/24}
security_groups:
  - name: efa
    ingress: [{protocol: all, group: efa}]
    egress:  [{protocol: all, group: efa}]
placement_groups:
  - {name: tight, strategy: cluster}
instances:
  - name: node
    count: 2
    placement_group: tight
    interfaces:
      - {subnet: hpc, type: efa, security_groups: [efa]}
"""


def program(weft, name):
    return pathlib.Path(weft.program).parents[2] / "tests/mpi" / name


def provider_directory(weft):
    return pathlib.Path(weft.program).parents[2] / "fabric/provider"


def start_mpi(weft, ranks, *command):
    """weft mpirun in the background; both outputs in one pipe."""
    words = [weft.program, "mpirun", "-n", str(ranks), *map(str, command)]
    if weft.verbose:
        print("$", *words, flush=True)
    return subprocess.Popen(words, env=weft.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_line(job, line):
    """Open MPI's launcher may have something to say before: "setpgid failed in parent", when the child was faster."""
    said = []
    for text in job.stdout:
        if text == line + "\n":
            return
        said.append(text)
    check(False, f"the job never said '{line}'\n{''.join(said)}")


def ends_in_time(job, what, seconds=LIMIT_SECONDS):
    """What the job printed from now to its end, which must come in time."""
    started = time.monotonic()
    try:
        text, _ = job.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        job.kill()
        text, _ = job.communicate()
        check(False, f"{what}: still running after {seconds} s\n{text}")
    print(f"{what}: ended after {time.monotonic() - started:.1f} s with {job.returncode}", flush=True)
    return text


def run_mpi(weft, ranks, *command, seconds=LIMIT_SECONDS):
    job = start_mpi(weft, ranks, *command)
    text = ends_in_time(job, f"{pathlib.Path(str(command[0])).name} {' '.join(map(str, command[1:]))}", seconds)
    return job.returncode, text


def main(scenario, topology=CLUSTER):
    build = pathlib.Path(sys.argv[sys.argv.index("--build") + 1]).resolve() if "--build" in sys.argv else None
    if os.geteuid() == 0 and "rootless" in sys.argv and build is not None:
        needed = [pathlib.Path(sys.argv[0]).resolve(), build / "fabric/provider/libweft-fi.so",
                  build / "tests/mpi/weft-mpi-check"]
        if not may_use(*needed):
            print("skipped: an ordinary user cannot read this checkout or build tree")
            sys.exit(SKIP)
    scenario_main(scenario, topology)
