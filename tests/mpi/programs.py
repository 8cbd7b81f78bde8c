#!/usr/bin/env python3
"""Programs that we did not write, from Debian, over weft in two instances: the HPC Challenge, NetPIPE, and Python over
mpi4py (program.py). Each also runs over Open MPI's `vader`, and what it found must be the same, timings aside.

    programs.py --build build --mode root [--fire]        --fire: over a fabric that loses, doubles and reorders (fire.py)
"""
import os
import pathlib
import re
import subprocess
import sys

from fire import RACKS, set_on_fire
from weft_mpi import CLUSTER, check, equal, main, run_mpi

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # Debian's, which has python3-mpi4py
VADER = ["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1", "--mca", "pml", "ob1",
         "--mca", "btl", "vader,self"]
ON_FIRE = "--fire" in sys.argv
if ON_FIRE:
    sys.argv.remove("--fire")  # the rest is weft_scenario's
SECONDS = 60
# mpi4py asks for MPI_THREAD_MULTIPLE, with which Open MPI 4.1 makes no windows of messages: they need reads and writes.
WINDOWS = ["--mca", "btl", "ofi,self", "--mca", "btl_ofi_provider_include", "weft", "--mca", "osc_rdma_btls", "ofi"]
# Of HPCC's summary: what depends on the clock.
TIMED = re.compile(r"time\d?$|GUPs$|GB(yte)?s$|flops$|_usec$|STREAM_(Copy|Scale|Add|Triad)$", re.IGNORECASE)
# HPL's input as Debian's example has it, but small; HPCC takes its other sizes from it.
HPCC_SETTINGS = """HPLinpack benchmark input file
tests/mpi/programs.py
HPL.out      output file name (if any)
8            device out (6=stdout,7=stderr,file)
1            # of problems sizes (N)
128          Ns
1            # of NBs
16           NBs
0            PMAP process mapping (0=Row-,1=Column-major)
1            # of process grids (P x Q)
2            Ps
2            Qs
16.0         threshold
1            # of panel fact
2            PFACTs (0=left, 1=Crout, 2=Right)
1            # of recursive stopping criterium
4            NBMINs (>= 1)
1            # of panels in recursion
2            NDIVs
1            # of recursive panel fact.
1            RFACTs (0=left, 1=Crout, 2=Right)
1            # of broadcast
1            BCASTs (0=1rg,1=1rM,2=2rg,3=2rM,4=Lng,5=LnM)
1            # of lookahead depth
1            DEPTHs (>=0)
2            SWAP (0=bin-exch,1=long,2=mix)
64           swapping threshold
0            L1 in (0=transposed,1=no-transposed) form
0            U  in (0=transposed,1=no-transposed) form
1            Equilibration (0=no,1=yes)
8            memory alignment in double (> 0)
##### This line (no. 32) is ignored (it serves as a separator). ######
0            Number of additional problem sizes for PTRANS
1200         values of N
0            number of additional blocking sizes for PTRANS
40           values of NB
"""


def over_vader(directory, ranks, *command):
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    done = subprocess.run([*VADER, "-n", str(ranks), *map(str, command)], env=environment, cwd=directory, text=True,
                          timeout=SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"{command[0]} over vader: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def over_weft(weft, directory, ranks, *command, options=()):
    code, text = run_mpi(weft, ranks, "-wdir", directory, *options, *command, seconds=SECONDS)
    check(code == 0, f"{command[0]} over weft: exit code {code}\n{text}")
    return text


def both(weft, name, ranks, command, results_of, prepare=lambda directory: None, options=()):
    """The command over either; results_of(directory, what it printed) must be the same."""
    found = []
    for transport in ("weft", "vader"):
        directory = weft.directory / f"{name}-{transport}"
        directory.mkdir()
        prepare(directory)
        text = (over_weft(weft, directory, ranks, *command, options=options) if transport == "weft"
                else over_vader(directory, ranks, *command))
        found.append(results_of(directory, text))
    equal(found[0], found[1], f"{name} over weft and over vader")
    return found[0]


def hpcc_results(directory, _):
    text = (directory / "hpccoutf.txt").read_text()
    check("End of Summary section." in text, f"hpcc did not come to its end:\n{text[-2000:]}")
    check("FAILED" not in text and "1 tests completed and failed" not in text, f"hpcc found an error:\n{text}")
    summary = dict(line.split("=", 1) for line in text.split("Begin of Summary section.")[1].splitlines() if "=" in line)
    return {name: value for name, value in summary.items() if not TIMED.search(name)}


def netpipe_sizes(_, text):
    return re.findall(r"^ *\d+: +(\d+) bytes +\d+ times --> +Integrity check (\w+)", text, re.M)


def scenario(weft):
    weft.up(RACKS if ON_FIRE else CLUSTER)
    if ON_FIRE:
        set_on_fire(weft)

    results = both(weft, "hpcc", 4, ["hpcc"], hpcc_results,
                   lambda directory: (directory / "hpccinf.txt").write_text(HPCC_SETTINGS))
    equal({name: results[name] for name in ("Success", "CommWorldProcs", "MPIRandomAccess_Errors", "PTRANS_residual")},
          {"Success": "1", "CommWorldProcs": "4", "MPIRandomAccess_Errors": "0", "PTRANS_residual": "0"}, "hpcc's results")

    sizes = both(weft, "netpipe", 2, ["NPopenmpi", "-i", "-u", "20000" if ON_FIRE else "70000"], netpipe_sizes)
    check(len(sizes) > 20 and all(verdict == "passed" for _, verdict in sizes), f"NetPIPE's integrity check: {sizes}")

    lines = both(weft, "mpi4py", 4, [PYTHON, "-m", "mpi4py", HERE / "program.py"],
                 lambda _, text: sorted(re.findall(r"^\w+: [0-9a-f ]+$", text, re.M)), options=WINDOWS)
    equal([line.split(":")[0] for line in lines], ["derived_types", "objects", "probes", "wildcards", "windows"], "parts that ran")


main(scenario, RACKS if ON_FIRE else CLUSTER)
