#!/usr/bin/env python3
"""Weft's engine against DPDK testpmd (the ceiling: moves packets, looks at nothing) and Open vSwitch with DPDK.

One generator on CPU 0 feeds each in turn, on CPU 1, through the same two memif wires: 64-byte UDP, every flow in both
directions. Open vSwitch runs twice: port to port, and with connection tracking. Needs root (huge pages, which are given
back), dpdk-testpmd (package dpdk) and, unless --without-ovs, openvswitch-switch-dpdk.

Example: sudo bench/peers.py --flows 1000 10000 100000
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import common

HUGE_PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")


@contextlib.contextmanager
def huge_pages(count):
    before = int(HUGE_PAGES.read_text())
    HUGE_PAGES.write_text(str(max(before, count)))
    try:
        yield
    finally:
        HUGE_PAGES.write_text(str(before))


@contextlib.contextmanager
def process(command, log, **options):
    with open(log, "w") as output:
        started = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT,
                                   stdin=subprocess.PIPE, **options)
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def wire(directory, name):
    number = 0 if name == "a" else 1
    return f"net_memif{number},role=server,id={number},socket={directory}/{name}.sock,socket-abstract=no"


@contextlib.contextmanager
def weft(build, directory):
    with process([build / "bench/weft-bench-forward", "--directory", directory, "--cpu", 1], directory / "weft.log"):
        yield


@contextlib.contextmanager
def testpmd(build, directory):
    command = ["dpdk-testpmd", "-l", "0,1", "--main-lcore", "0", "-m", "512", "--no-pci", "--in-memory",
               *(f"--vdev={wire(directory, name)}" for name in "ab"),
               "--", "--forward-mode=io", "--auto-start", "--nb-cores=1", "--total-num-mbufs=16384", "-i"]
    with process(command, directory / "testpmd.log"):
        yield


class OpenVswitch:
    """ovsdb-server and ovs-vswitchd of our own: nothing of the machine's own Open vSwitch is touched."""

    def __init__(self, directory, stateful):
        self.directory, self.stateful = directory, stateful
        self.environment = os.environ | {f"OVS_{name}DIR": str(directory) for name in ("RUN", "LOG", "DB", "SYSCONF")}

    def run(self, *command):
        done = subprocess.run(list(map(str, command)), env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}")

    def configure(self, *command):
        self.run("ovs-vsctl", f"--db=unix:{self.directory}/db.sock", *command)

    def flows(self):
        if not self.stateful:
            return ["in_port=1,actions=output:2", "in_port=2,actions=output:1"]
        flows = ["table=0,priority=10,ip,ct_state=-trk,actions=ct(table=1)"]
        for here, there in ((1, 2), (2, 1)):
            flows += [f"table=1,priority=10,ip,in_port={here},ct_state=+trk+est,actions=output:{there}",
                      f"table=1,priority=9,ip,in_port={here},ct_state=+trk+new,actions=ct(commit),output:{there}"]
        return flows

    @contextlib.contextmanager
    def running(self):
        database = self.directory / "conf.db"
        self.run("ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema")
        remote = f"--remote=punix:{self.directory}/db.sock"
        with process(["ovsdb-server", database, remote], self.directory / "ovsdb.log", env=self.environment):
            wait_for(self.directory / "db.sock")
            self.configure("--no-wait", "init")
            self.configure("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                           "other_config:dpdk-socket-mem=512", "other_config:dpdk-extra=--no-pci --in-memory",
                           "other_config:dpdk-lcore-mask=0x1", "other_config:pmd-cpu-mask=0x2")
            vswitchd = shutil.which("ovs-vswitchd") or "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
            with process([vswitchd, f"unix:{self.directory}/db.sock"], self.directory / "vswitchd.log",
                         env=self.environment):
                self.configure("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
                for number, name in ((1, "a"), (2, "b")):
                    self.configure("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdk",
                                   f"ofport_request={number}",
                                   f"options:dpdk-devargs={wire(self.directory, name)}")
                bridge = f"unix:{self.directory}/br0.mgmt"
                self.run("ovs-ofctl", "del-flows", bridge)
                for flow in self.flows():
                    self.run("ovs-ofctl", "add-flow", bridge, flow)
                yield


@contextlib.contextmanager
def ovs(build, directory):
    with OpenVswitch(directory, stateful=False).running():
        yield


@contextlib.contextmanager
def ovs_stateful(build, directory):
    with OpenVswitch(directory, stateful=True).running():
        yield


def wait_for(path, seconds=20):
    for _ in range(int(seconds * 20)):
        if path.exists():
            return
        time.sleep(0.05)
    raise SystemExit(f"{path} did not appear")


def measure(build, device, flows, rounds, seconds):
    with tempfile.TemporaryDirectory(prefix="weft-peers-") as name:
        directory = pathlib.Path(name)
        with device(build, directory):
            wait_for(directory / "a.sock")
            wait_for(directory / "b.sock")
            done = subprocess.run([build / "bench/weft-bench-generate", "--directory", name, "--flows", str(flows),
                                   "--runs", str(rounds), "--seconds", str(seconds), "--cpu", "0"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600)
            if done.returncode != 0:
                logs = "".join(f"--- {log.name}\n{log.read_text()[-2000:]}" for log in directory.glob("*.log"))
                raise SystemExit(f"{device.__name__}: {done.stderr}{logs}")
            mpps = common.median(run["received_mpps"] for run in json.loads(done.stdout)["runs"])
            if mpps == 0:
                raise SystemExit(f"{device.__name__}: nothing came through it")
            return mpps


def main():
    parser = common.parser(__doc__, rounds=7)
    parser.add_argument("--flows", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a run")
    parser.add_argument("--without-ovs", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("peers.py: needs root, for huge pages")
    devices = [testpmd, weft] + ([] if options.without_ovs else [ovs, ovs_stateful])
    results = []
    with huge_pages(1536):
        for flows in options.flows:
            mpps = {device.__name__: measure(options.build.resolve(), device, flows, options.rounds, options.seconds)
                    for device in devices}
            results.append({"flows": flows, "mpps": mpps})
    if options.output == "json":
        print(json.dumps(results, indent=2))
        return 0
    print("Mpps through one core, both directions together; generator on the other core; 64-byte UDP")
    for result in results:
        mpps = result["mpps"]
        line = "  ".join(f"{name} {value:.2f}" for name, value in mpps.items())
        ratio = f"; weft is {mpps['weft'] / mpps['ovs_stateful']:.1f}x of OVS with tracking" if "ovs_stateful" in mpps else ""
        print(f"{result['flows']:>9} flows: {line}{ratio}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
