#!/usr/bin/env python3
"""What can be seen of a process: EFA's counters as files, live, with what two processes did to each other in them; a dump
of what it waits for; the line that says where it is."""
import argparse
import os
import pathlib
import re
import signal
import time

from peers import Loopback, equal

NAMES = """tx_bytes tx_pkts rx_bytes rx_pkts rx_drops send_bytes send_wrs recv_bytes recv_wrs rdma_read_wrs rdma_read_bytes
rdma_read_wr_err rdma_read_resp_bytes rdma_write_wrs rdma_write_bytes rdma_write_wr_err rdma_write_recv_bytes retrans_bytes
retrans_pkts retrans_timeout_events unresponsive_remote_events impaired_remote_conn_events""".split()


def read(directory):
    port = pathlib.Path(directory) / "infiniband/weft0/ports/1/hw_counters"
    equal(sorted(path.name for path in port.iterdir()), sorted(NAMES), "the files")
    return {name: int((port / name).read_text()) for name in NAMES}


def settled(directory, expected, what, seconds=5):
    """The counters when they are as expected, or after the time that they may take."""
    deadline = time.monotonic() + seconds
    while True:
        found = read(directory)
        if all(found[name] == value for name, value in expected.items()) or time.monotonic() > deadline:
            equal({name: found[name] for name in expected}, expected, what)
            return found
        time.sleep(0.05)


def live(world):
    a, b = world.peer(0), world.peer(1)
    to_b, to_a = a.insert(b), b.insert(a)
    at_a, at_b = (f"{world.directory}/run/efa-counters/node-{i}" for i in (0, 1))
    equal(set(read(at_a).values()), {0}, "before anything")
    a.post("write", "w", to_b, 1_000_000)
    equal(a.expect("w"), "w ok 1000000", "a write")
    a.post("read", "r", to_b, 50_000)
    equal(a.expect("r"), "r ok 50000", "a read")
    one = {"rdma_write_wrs": 1, "rdma_write_bytes": 1_000_000, "rdma_write_wr_err": 0, "rdma_write_recv_bytes": 0,
           "rdma_read_wrs": 1, "rdma_read_bytes": 50_000, "rdma_read_wr_err": 0, "rdma_read_resp_bytes": 0}
    other = dict.fromkeys(one, 0) | {"rdma_write_recv_bytes": 1_000_000, "rdma_read_resp_bytes": 50_000}
    settled(at_a, one, "the initiator")
    settled(at_b, other, "the target")
    before = read(at_a)
    assert before["tx_bytes"] > 1_000_000 and before["rx_bytes"] > 50_000, before
    assert before["send_bytes"] < 10_000, f"writes and reads are no sends: {before}"
    assert before["tx_bytes"] - before["send_bytes"] >= 1_000_000, before

    b.post("receive", "m", to_a, 4000)
    a.post("send", "s", to_b, 4000)
    equal(b.expect("m"), "m ok 4000", "a message")
    a.post("read", "outside", to_b, 17 << 20)  # more than the region
    a.error("outside")
    after = settled(at_a, one | {"rdma_read_wrs": 2, "rdma_read_wr_err": 1}, "a read that failed")
    assert after["send_bytes"] - before["send_bytes"] >= 4000 and after["send_wrs"] > before["send_wrs"], after

    a.kill()  # what it counted stays the function's
    c = world.peer(0)
    to_b = c.insert(b)
    c.post("write", "w", to_b, 1000)
    equal(c.expect("w"), "w ok 1000", "a write of another process")
    settled(at_a, {"rdma_write_wrs": 2, "rdma_write_bytes": 1_001_000, "rdma_read_wrs": 2}, "two processes, one after the other")
    c.kill()
    settled(at_b, {"rdma_write_recv_bytes": 1_001_000}, "the target")


def dump(world):
    """Each thing that one waits for is a line; without the variable the signal is the program's."""
    a, b = world.peer(0, WEFT_DUMP_SIGNAL="SIGUSR2"), world.peer(1)
    to_b = a.insert(b)
    b.insert(a)
    os.kill(b.pid, signal.SIGSTOP)
    a.post("dcsend", "receipt", to_b, 64)
    a.post("send", "long", to_b, 8 << 20)
    a.post("write", "write", to_b, 100)
    a.post("read", "read", to_b, 200)
    a.post("receive", "directed", to_b, 300)
    a.post("receive", "any", "any", 400)
    time.sleep(1.5)
    os.kill(a.pid, signal.SIGUSR2)
    text = a.complaints(until="from anybody")
    peer, seconds = re.escape(f"10.0.1.2:{b.port}"), r", for at most [1-9]\.\d s\n"
    for line in ["weft: a dump was asked for; the next call that makes progress writes it",
                 rf"weft dump of process {a.pid}: endpoint fi_sockaddr_in://10\.0\.1\.1:{a.port} on eni-1 of instance node-0\n",
                 rf"  to {peer}: send of 64 bytes, tag 0x1, 64 of them sent: waits for its receipt: .*{seconds}",
                 rf"  to {peer}: send of 8388608 bytes, tag 0x1, \d+ of them sent: waits for the peer to say .*{seconds}",
                 rf"  to {peer}: write of 100 bytes, 100 of them come or gone: waits for the target's answer.*{seconds}",
                 rf"  to {peer}: read of 200 bytes, 0 of them come or gone: waits for the target's answer.*{seconds}",
                 rf"  from {peer}: receive of 300 bytes, tag 0x1, ignoring 0x0{seconds}",
                 rf"  from anybody: receive of 400 bytes, tag 0x1, ignoring 0x0{seconds}"]:
        assert re.search(line, text), f"no line {line!r} in\n{text}"
    equal(a.process.poll(), None, "the process goes on")
    os.kill(b.pid, signal.SIGCONT)
    c = world.peer(0, WEFT_DUMP_SIGNAL="")
    os.kill(c.pid, signal.SIGUSR2)
    equal(c.process.wait(5), -signal.SIGUSR2, "a process that asked for no dump ends as it always did")


def says_where_it_is(world):
    a = world.peer(0, FI_LOG_LEVEL="info")
    text = a.complaints(until="is open")
    lines = [line for line in text.splitlines() if "weft" in line and "is ENI" in line]
    equal(len(lines), 1, f"lines that say where we are in\n{text}")
    assert f"weft0-rdm is ENI eni-1 (10.0.1.1) of instance node-0: packets of 8928 bytes through the EFA function of weftd at " \
           f"{world.directory}/run/efa/node-0.sock" in lines[0], lines[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    for test in (live, dump, says_where_it_is):
        with Loopback(build) as world:
            test(world)
        print(f"{test.__name__} passed", flush=True)


if __name__ == "__main__":
    main()
