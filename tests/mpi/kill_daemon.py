#!/usr/bin/env python3
"""weftd is killed under a running MPI job: the ranks end at once and say why; what holds the job together over TCP ends
with the instances, after the grace period; the next job on the next deployment runs."""
import os
import pathlib
import signal
import subprocess
import time

from weft_mpi import CLUSTER, LIMIT_SECONDS, check, ends_in_time, equal, main, program, run_mpi, start_mpi, wait_for_line

GRACE_SECONDS = 5


def ranks_alive(weft):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == "weft-mpi-victim" and \
                    f"WEFT_RUNTIME_DIR={weft.directory}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def scenario(weft):
    subprocess.run([weft.daemon, "--daemonize", "--grace-ms", str(GRACE_SECONDS * 1000)], env=weft.environment,
                   check=True, timeout=60)
    weft.up()
    job = start_mpi(weft, 2, program(weft, "weft-mpi-victim"), "pingpong")
    wait_for_line(job, "running")
    equal(len(ranks_alive(weft)), 2, "ranks")

    killed = time.monotonic()
    os.kill(weft.daemon_pid(), signal.SIGKILL)
    while ranks_alive(weft) and time.monotonic() - killed < LIMIT_SECONDS:
        time.sleep(0.05)
    print(f"the ranks ended after {time.monotonic() - killed:.1f} s")
    text = ends_in_time(job, "mpirun")
    check(not ranks_alive(weft), "a rank hangs")
    check("The EFA function is gone: weftd stopped" in text, f"no word of what happened\n{text}")
    check(job.returncode != 0, "a job whose network is gone fails")

    deadline = time.monotonic() + GRACE_SECONDS + 5
    while weft.leftovers.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    equal(weft.leftovers.processes(), {}, "processes after the grace period")
    weft.up(CLUSTER)
    code, text = run_mpi(weft, 2, program(weft, "weft-mpi-check"), "barrier")
    equal(code, 0, f"the next job\n{text}")


main(scenario)
