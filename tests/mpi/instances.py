#!/usr/bin/env python3
"""The whole path: an ordinary MPI program over weft between two instances, through weftd's engine; and why it fails
where the security group does not let EFA through."""
from weft_mpi import CLUSTER, check, equal, main, program, run_mpi

# Enough for TCP, and what people write who expect it to be enough for EFA (facts ec2 9, statement 1).
ALLOW_ALL_EGRESS = CLUSTER.replace("egress:  [{protocol: all, group: efa}]",
                                   "egress:  [{protocol: all, cidr: 0.0.0.0/0}]")


def scenario(weft):
    weft.up()
    for ranks in (2, 4):
        code, text = run_mpi(weft, ranks, program(weft, "weft-mpi-check"), seconds=120)
        check(code == 0 and f"parts held on {ranks} ranks" in text, f"{ranks} ranks: exit code {code}\n{text}")

    code, text = run_mpi(weft, 3, program(weft, "weft-mpi-one-sided"), seconds=60)
    check(code == 0, f"windows: exit code {code}\n{text}")

    weft.up(ALLOW_ALL_EGRESS)
    code, text = run_mpi(weft, 2, program(weft, "weft-mpi-check"))
    check(code != 0, "EFA needs a group that references itself, also out")
    check("check that a security group of both ENIs references itself in and out" in text, text)

    weft.up(CLUSTER)
    code, text = run_mpi(weft, 2, program(weft, "weft-mpi-check"), "barrier")
    equal(code, 0, f"with the rule back\n{text}")


main(scenario)
