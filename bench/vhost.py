#!/usr/bin/env python3
"""Weft between two vhost-user guests against DPDK testpmd, which forwards between two net_vhost devices and looks at nothing.

One guest sends UDP as fast as it can, the other one receives and counts: both are testpmd with a virtio-user card, the same
for both devices. They take turns; medians count, and their ratio. Each of the three programs spins: on fewer than three
cores they share, for both devices alike, and the Mpps are those of the shares.

Needs dpdk-testpmd (package dpdk-dev), no root.

Example: bench/vhost.py --rounds 7 --size 64 1500
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import common

TOPOLOGY = """\
version: 1
vpc: {{cidr: 10.0.0.0/16}}
subnets:
  - {{name: main, cidr: 10.0.1.0/24}}
security_groups:
  - name: open
    ingress: [{{protocol: all, cidr: 0.0.0.0/0}}]
instances:
  - {{name: a, interfaces: [{{private_ip: 10.0.1.10, security_groups: [open],
                            port: {{driver: vhost-user, socket: {0}/a.sock}}}}]}}
  - {{name: b, interfaces: [{{private_ip: 10.0.1.11, security_groups: [open],
                            port: {{driver: vhost-user, socket: {0}/b.sock}}}}]}}
"""
MACS = {"a": "02:00:0a:00:01:0a", "b": "02:00:0a:00:01:0b"}
SOCKET_SECONDS = 20


class Testpmd:
    def __init__(self, directory, name, devices, *options):
        self.log = directory / f"{name}.log"
        every = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        command = ["dpdk-testpmd", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry", "--no-shconf", "--lcores",
                   f"0@({every}),1@({every})", *(f"--vdev={device}" for device in devices), "--",
                   "--total-num-mbufs=8192", *options]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                                            env=os.environ | {"RUNTIME_DIRECTORY": str(directory)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def card(directory, name, mac, packed):
    return f"net_virtio_user0,path={directory}/{name}.sock,queues=1,packed_vq={int(packed)},mac={mac}"


def wait_for_sockets(directory):
    deadline = time.monotonic() + SOCKET_SECONDS
    while not all((directory / f"{name}.sock").exists() for name in "ab"):
        if time.monotonic() > deadline:
            raise SystemExit(f"vhost.py: no sockets within {SOCKET_SECONDS} s in {directory}")
        time.sleep(0.05)


def traffic(directory, macs, options):
    """Mpps that the receiver counts, after as long a warm-up."""
    # --txpkts is what testpmd gives to its headers and payload: the frame without its checksum
    with Testpmd(directory, "receiver", [card(directory, "b", macs["b"], options.packed)], "--forward-mode=rxonly",
                 "--stats-period=1") as receiver, \
         Testpmd(directory, "sender", [card(directory, "a", macs["a"], options.packed)], "--forward-mode=txonly",
                 f"--txpkts={options.bytes}", f"--eth-peer=0,{macs['b']}", "--tx-ip=10.0.1.10,10.0.1.11", "--tx-udp=7,9"):
        time.sleep(2 * options.seconds + 4)
        rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", receiver.log.read_text())][-options.seconds:]
    if not rates or not any(rates):
        raise SystemExit(f"vhost.py: nothing arrived\n{receiver.log.read_text()[-2000:]}")
    return common.median(rates) / 1e6


def weft(options, directory):
    with common.deployment(options.build) as deployment:
        topology = directory / "topology.yaml"
        topology.write_text(TOPOLOGY.format(directory))
        deployment.run("up", topology)
        wait_for_sockets(directory)
        instances = {i["name"]: i["interfaces"][0]["mac"] for i in json.loads(deployment.run("ps", "-o", "json"))}
        return traffic(directory, instances, options)


def testpmd(options, directory):
    devices = [f"net_vhost{number},iface={directory}/{name}.sock,queues=1" for number, name in enumerate("ab")]
    with Testpmd(directory, "forwarder", devices, "--forward-mode=io"):
        wait_for_sockets(directory)
        return traffic(directory, MACS, options)


def main():
    parser = common.parser(__doc__, rounds=5)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--size", type=int, nargs="+", default=[64], help="bytes of a frame on the wire (default: 64)")
    parser.add_argument("--seconds", type=int, default=3, help="that are counted in a turn (default: 3)")
    parser.add_argument("--packed", action="store_true", help="packed rings in place of split ones")
    options = parser.parse_args()
    if shutil.which("dpdk-testpmd") is None:
        raise SystemExit("vhost.py: no dpdk-testpmd: apt-get install dpdk")
    results = []
    for size in options.size:
        options.bytes = size - 4
        runs = {"weft": [], "testpmd": []}
        for _ in range(options.rounds):
            for name, measure in (("weft", weft), ("testpmd", testpmd)):
                with tempfile.TemporaryDirectory(prefix="weft-vhost-") as directory:
                    runs[name].append(measure(options, pathlib.Path(directory)))
        middle = {name: common.median(each) for name, each in runs.items()}
        results.append({"wire_bytes": size, "mpps": middle, "runs_mpps": runs, "ratio": middle["weft"] / middle["testpmd"]})
        if options.output == "table":
            print(f"{size} bytes: " + ", ".join(f"{name} {middle[name]:.2f} Mpps ({min(runs[name]):.2f}-{max(runs[name]):.2f})"
                                                for name in runs) + f"; weft / testpmd {results[-1]['ratio']:.2f}", flush=True)
    if options.output == "json":
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
