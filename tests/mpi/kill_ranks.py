#!/usr/bin/env python3
"""A rank is killed amid a message, leaves without MPI_Finalize, or is stopped: nobody hangs, and the words fit."""
from weft_mpi import check, equal, main, program, run_mpi


def scenario(weft):
    weft.up()
    victim = program(weft, "weft-mpi-victim")

    code, text = run_mpi(weft, 3, victim, "killed")
    check(code != 0, "a job whose rank was killed fails")
    check("exited on signal 9" in text or "endpoint does not exist any more" in text, f"no word of the death\n{text}")

    code, text = run_mpi(weft, 3, victim, "exits")
    check(code != 0, "a job whose rank left without MPI_Finalize fails")
    check('exited without calling "finalize"' in text, f"no word of the rank that left\n{text}")

    code, text = run_mpi(weft, 4, victim, "stopped")
    lines = text.splitlines()
    check("others finished" in lines, f"a stopped rank holds up the others\n{text}")
    check("the stopped rank got everything" in lines, f"what was sent to it is lost\n{text}")
    equal(code, 0, "the job with the stopped rank")

    code, text = run_mpi(weft, 2, program(weft, "weft-mpi-check"), "barrier")
    equal(code, 0, f"the next job on the same instances\n{text}")


main(scenario)
