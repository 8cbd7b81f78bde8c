#!/usr/bin/env python3
"""weftd is killed and comes back while programs have endpoints open in its instances: they are told, and go on with new
endpoints on the same addresses, domains and memory."""
import errno
import pathlib
import subprocess
import sys
import time

from weft_mpi import check, equal, main, provider_directory

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fabric"))
from peers import Peer  # noqa: E402

BIG = 8 << 20


def start_daemon(weft):
    subprocess.run([weft.daemon, "--daemonize", "--grace-ms", "20000"], env=weft.environment, check=True, timeout=60)


def counters_are_there(weft):
    """In the instances' /sys, below the runtime directory, and in `weft stats`; a daemon begins at zero."""
    for node, name in (("node-0", "rdma_write_bytes"), ("node-1", "rdma_write_recv_bytes")):
        shown = ("/sys/class/infiniband", f"{weft.directory}/run/efa-counters/{node}/infiniband")
        deadline = time.monotonic() + 5
        while True:
            found = [weft.inside(node, "cat", f"{path}/weft0/ports/1/hw_counters/{name}").strip() for path in shown]
            if found == ["1048576"] * 2 or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        equal(found, ["1048576"] * 2, f"{name} of {node}")
        statistics = next(one for one in weft.ask("stats")["interfaces"] if one["instance"] == node)
        equal(statistics["efa"][name], 1 << 20, f"{name} of {node} in `weft stats`")
        check("lo" in weft.inside(node, "ls", "/sys/class/net").split(), "the interfaces of the instance are still shown")
        weft.inside(node, "sh", "-c", f"! echo 0 > {shown[0]}/weft0/ports/1/hw_counters/{name}")
    weft.inside("node-0", "test", "!", "-e", f"{weft.directory}/run/efa-counters/node-1")


def scenario(weft):
    start_daemon(weft)
    weft.up()
    weft.environment["FI_PROVIDER_PATH"] = str(provider_directory(weft))
    program = pathlib.Path(weft.program).parents[2] / "tests/fabric/provider/weft-fabric-peer"
    a, b = peers = [Peer([weft.program, "exec", node, "--", program], weft.environment) for node in ("node-0", "node-1")]
    try:
        to_b, to_a = a.insert(b), b.insert(a)
        for round in range(2):
            b.post("receive", "first", to_a, 64)
            a.post("dcsend", "receipt", to_b, 64)
            equal(b.expect("first"), "first ok 64", f"round {round}: a message")
            equal(a.expect("receipt"), "receipt ok 64", f"round {round}: its receipt")
            a.post("receive", "posted", to_b, 64)
            a.post("send", "long", to_b, BIG)
            weft.kill_daemon()
            killed = time.monotonic()
            for name in ("posted", "long"):
                equal(a.error(name)[:2], (errno.ENETDOWN, 5001), f"what {name} is told")
            for peer in peers:
                equal(peer.expect("event error"), f"event error {errno.ENETDOWN} 5001 of the endpoint", "the event queue")
            check(time.monotonic() - killed < 4, "they are told in time")
            # One asks before there is a daemon: the holder keeps its socket, and the new daemon answers there.
            check(int(a.ask("close", "closed").split()[1]) < 800, "closing what is dead takes no time")
            a.tell(f"open {a.port}")
            start_daemon(weft)
            equal(a.expect("address"), f"address {a.ip} {a.port}", "the same address again")
            b.reopen()
            a.post("write", "memory", to_b, 1 << 20)
            equal(a.expect("memory"), "memory ok 1048576", "memory that was registered before")
            counters_are_there(weft)
    finally:
        for peer in peers:
            peer.end()


main(scenario)
