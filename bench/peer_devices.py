"""The devices under test of peers.py. Each forwards between the wires a and b on CPU 1, and says afterwards what a packet
took it: cycles of the time-stamp counter over the turns that had packets, by its own statistics."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

VSWITCHD = pathlib.Path("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk")  # /usr/sbin's may be one without DPDK


class Failed(Exception):
    pass


@contextlib.contextmanager
def process(command, log, **options):
    with open(log, "w") as output:
        started = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT,
                                   stdin=subprocess.PIPE, text=True, **options)
        try:
            yield started
        finally:
            end(started)


def end(started, seconds=20):
    started.send_signal(signal.SIGTERM)
    try:
        started.wait(seconds)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


def wait_for(what, started, seconds=20):
    """Until what() is true; fails at once when the process has ended."""
    for _ in range(int(seconds * 20)):
        if what():
            return
        if started.poll() is not None:
            break
        time.sleep(0.05)
    raise Failed(f"{pathlib.Path(started.args[0]).name} did not come up")


def wire(directory, name):
    number = "ab".index(name)
    return f"net_memif{number},role=server,id={number},socket={directory}/{name}.sock,socket-abstract=no"


class Device:
    """running() is a context; read_statistics() belongs in it, while the wires are still up: memif forgets what it has
    counted when the other end goes."""

    def __init__(self, build, directory):
        self.build, self.directory = build, directory
        self.started = None  # the process that forwards
        self.cycles = None   # of a packet
        self.flows = None    # that it tracked

    @contextlib.contextmanager
    def forwarding(self, command, **options):
        self.log = self.directory / f"{self.name}.log"
        with process(command, self.log, **options) as self.started:
            yield

    def wait_for_wires(self):
        wait_for(lambda: all((self.directory / f"{name}.sock").exists() for name in "ab"), self.started)


class Testpmd(Device):
    """DPDK's own forwarder: moves packets and looks at nothing, which makes it the ceiling of these wires."""
    name = "testpmd"

    @staticmethod
    def missing(build):
        if shutil.which("dpdk-testpmd") is None:
            yield "dpdk-testpmd: apt-get install dpdk-dev"

    @contextlib.contextmanager
    def running(self):
        command = ["dpdk-testpmd", "-l", "0,1", "--main-lcore", "0", "-m", "512", "--no-pci", "--in-memory",
                   *(f"--vdev={wire(self.directory, name)}" for name in "ab"),
                   "--", "--forward-mode=io", "--auto-start", "--nb-cores=1", "--rxq=1", "--txq=2", "--txd=1024", "--rxd=1024",
                   "--total-num-mbufs=16384", "--record-core-cycles", "-i"]
        with self.forwarding(command):
            self.wait_for_wires()
            yield

    def read_statistics(self):
        self.started.communicate("stop\nquit\n", timeout=20)
        found = re.search(r"CPU cycles/packet=([\d.]+)", self.log.read_text())
        if found is None:
            raise Failed("dpdk-testpmd printed no cycles")
        self.cycles = float(found[1])


class Weft(Device):
    """The engine: spoof check, both gates, tracking, counters."""
    name = "weft"

    @staticmethod
    def missing(build):
        if not os.access(build / "bench/weft-bench-forward", os.X_OK):
            yield f"weft-bench-forward: ninja -C {build} bench/weft-bench-forward"

    @contextlib.contextmanager
    def running(self):
        with self.forwarding([self.build / "bench/weft-bench-forward", "--directory", self.directory, "--cpu", 1]):
            self.wait_for_wires()
            yield

    def read_statistics(self):
        end(self.started)
        said = json.loads(self.log.read_text().splitlines()[-1])
        self.cycles, self.flows = said["busy_cycles_per_packet"], said["flows"]


class OpenVswitch(Device):
    """Port to port. ovsdb-server and ovs-vswitchd of our own: nothing of the machine's own Open vSwitch is touched."""
    name = "ovs"
    openflow = ["in_port=1,actions=output:2", "in_port=2,actions=output:1"]

    @staticmethod
    def missing(build):
        if not os.access(VSWITCHD, os.X_OK):
            yield f"{VSWITCHD}: apt-get install openvswitch-switch-dpdk"

    def __init__(self, build, directory):
        super().__init__(build, directory)
        self.environment = os.environ | {f"OVS_{name}DIR": str(directory) for name in ("RUN", "LOG", "DB", "SYSCONF")}

    def run(self, *command):
        done = subprocess.run(list(map(str, command)), env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def configure(self, *command):
        self.run("ovs-vsctl", "--timeout=20", f"--db=unix:{self.directory}/db.sock", *command)

    def ask(self, *command):
        return self.run("ovs-appctl", "-t", self.directory / f"{VSWITCHD.name}.{self.started.pid}.ctl", *command)

    @contextlib.contextmanager
    def running(self):
        database = self.directory / "conf.db"
        self.run("ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema")
        remote = f"--remote=punix:{self.directory}/db.sock"
        with process(["ovsdb-server", database, remote], self.directory / "ovsdb.log", env=self.environment) as server:
            wait_for((self.directory / "db.sock").exists, server)
            self.configure("--no-wait", "init")
            self.configure("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                           "other_config:dpdk-socket-mem=512", "other_config:dpdk-extra=--no-pci --in-memory",
                           "other_config:dpdk-lcore-mask=0x1", "other_config:pmd-cpu-mask=0x2")
            with self.forwarding([VSWITCHD, f"unix:{self.directory}/db.sock"], env=self.environment):
                self.make_bridge()
                self.wait_for_wires()
                yield

    def make_bridge(self):
        self.configure("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
        for number, name in ((1, "a"), (2, "b")):
            self.configure("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdk",
                           f"ofport_request={number}", f"options:dpdk-devargs={wire(self.directory, name)}")
        bridge = f"unix:{self.directory}/br0.mgmt"
        self.run("ovs-ofctl", "del-flows", bridge)  # without the flow that makes a learning switch of it
        for flow in self.openflow:
            self.run("ovs-ofctl", "add-flow", bridge, flow)

    def read_statistics(self):
        # "avg processing cycles per packet: 273.42 (546840000/2000000)" of the PMD thread; the main thread has none.
        found = re.search(r"avg processing cycles per packet: ([\d.]+)", self.ask("dpif-netdev/pmd-stats-show"))
        if found is None:
            raise Failed("Open vSwitch's PMD thread handled no packet")
        self.cycles = float(found[1])


class OpenVswitchStateful(OpenVswitch):
    """With connection tracking: what is established passes, either end may begin."""
    name = "ovs-stateful"
    openflow = ["table=0,priority=10,ip,actions=ct(table=1)"] + [
        flow for here, there in ((1, 2), (2, 1)) for flow in (
            f"table=1,priority=10,ip,in_port={here},ct_state=+trk+est,actions=output:{there}",
            f"table=1,priority=9,ip,in_port={here},ct_state=+trk+new,actions=ct(commit),output:{there}")]

    def read_statistics(self):
        super().read_statistics()
        self.flows = int(self.ask("dpctl/ct-get-nconns"))


ALL = [Testpmd, Weft, OpenVswitch, OpenVswitchStateful]
