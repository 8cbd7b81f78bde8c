#!/usr/bin/env python3
"""MPI over a fabric that is on fire: packets are lost, doubled and overtaken on every path, one path goes up and down, and
every result is right, and EFA's counters say what was lost. Faults come and go under a running job, too, and express channels
with them. Outside CI for longer:

    under_fire.py --build build --mode root --seconds 3600
"""
import sys
import threading

from fire import RACKS, set_on_fire
from weft_mpi import check, equal, main, program, run_mpi


def own_seconds():
    """Taken out of the command line, which is weft_scenario's."""
    if "--seconds" not in sys.argv:
        return 25
    at = sys.argv.index("--seconds")
    seconds = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return seconds


SECONDS = own_seconds()


def right(weft, ranks, *command, seconds=120):
    code, text = run_mpi(weft, ranks, *command, seconds=seconds)
    equal(code, 0, f"the exit code of {command[0]}\n{text}")
    return text


def counted_as_by_efa(weft):
    """Packets were lost and sent again, and nobody was given up for it."""
    for interface in weft.ask("stats")["interfaces"]:
        efa, fabric = interface["efa"], interface["efa_fabric"]
        check(efa["retrans_pkts"] > 0 and efa["retrans_bytes"] > efa["retrans_pkts"], f"retransmissions: {efa}")
        check(efa["impaired_remote_conn_events"] > 0, f"paths were left: {efa}")
        equal(efa["unresponsive_remote_events"], 0, f"unresponsive peers of {interface['instance']}: {efa}")
        check(fabric["on_wire"] > fabric["wire_drops"] > 0, f"on the fabric: {fabric}")
        text = weft.run("stats", interface["instance"])
        check("efa       retrans_pkts " in text and "efa       wire_drops " in text, f"for people, too: {text}")


def scenario(weft):
    weft.up(RACKS)
    set_on_fire(weft)
    right(weft, 4, program(weft, "weft-mpi-check"))
    paths = weft.ask("paths", "node-0", "node-1")
    check(all(path["packets"] > 0 for path in paths), f"packets on every path: {paths}")
    check(sum(path["lost"]["loss"] for path in paths) > 10 and sum(path["lost"]["down"] for path in paths) > 0,
          f"some of them lost: {paths}")

    over = threading.Event()

    def put_out_and_light():
        while not over.wait(1):
            weft.run("fault", "clear", "--all")
            if over.wait(1):
                return
            set_on_fire(weft)

    changes = threading.Thread(target=put_out_and_light)
    changes.start()
    try:
        right(weft, 4, program(weft, "weft-mpi-soak"), "--seconds", str(SECONDS), seconds=SECONDS + 60)
    finally:
        over.set()
        changes.join()
    counted_as_by_efa(weft)


main(scenario, RACKS)
