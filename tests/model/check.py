#!/usr/bin/env python3
"""Checks a model with spin, all states, as it is and with mistakes that must be found. Usage: check.py FILE"""

import os
import subprocess
import sys
import tempfile

HOLDS = {"express_channel.pml": [[], ["-DMEMBARRIER"]], "srd_window.pml": [[]]}
FAILS = {
    "express_channel.pml": [["-DNO_BARRIER"], ["-DNO_SECOND_LOOK"], ["-DNO_RELEASE_NOTICE"], ["-DSEND_AGAIN"]],
    "srd_window.pml": [["-DNO_DUPLICATE_CHECK"], ["-DNO_SESSION"], ["-DNO_INCARNATION"]],
}


def run(model, defines):
    """Whether spin finds an error, and how many states it looked at."""
    with tempfile.TemporaryDirectory(prefix="weft-model-") as directory:
        for command in (["spin", "-a", *defines, model], ["cc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"]):
            subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL)
        output = subprocess.run(["./pan", "-m200000"], cwd=directory, check=True, capture_output=True, text=True).stdout
    lines = output.splitlines()
    states = next(line.split()[0] for line in lines if "states, stored" in line)
    errors = int(next(line for line in lines if "errors:" in line).rsplit("errors:", 1)[1])
    if "max search depth too small" in output:
        sys.exit(f"{model}: the search ended at its depth; give pan a larger -m")
    first = next((line for line in lines if line.startswith("pan:1:")), "no error")
    return errors, states, first


def main():
    model = sys.argv[1]
    name = os.path.basename(model)
    wrong = 0
    for defines, expected in [(d, False) for d in HOLDS[name]] + [(d, True) for d in FAILS[name]]:
        errors, states, first = run(model, defines)
        right = (errors != 0) == expected
        wrong += not right
        print(f"{' '.join(defines) or 'as it is'}: {states} states, {first}{'' if right else '  <- WRONG'}")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
