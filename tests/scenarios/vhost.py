#!/usr/bin/env python3
"""Two instances whose interfaces are vhost-user sockets. The guests are DPDK programs with a virtio card: testpmd, which sends
UDP as fast as it can. What the groups allow arrives; what they do not is a security drop, counted; a guest that is killed
under traffic is replaced, and goes on."""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from weft_scenario import SKIP, check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets:
  - {name: main, cidr: 10.0.1.0/24}
security_groups:
  - name: client
  - name: server
    ingress:
      - {protocol: udp, port: 9, cidr: 10.0.1.0/24}
instances:
  - {name: a, interfaces: [{private_ip: 10.0.1.10, security_groups: [client],
                            port: {driver: vhost-user, socket: DIRECTORY/a.sock}}]}
  - {name: b, interfaces: [{private_ip: 10.0.1.11, security_groups: [server],
                            port: {driver: vhost-user, socket: DIRECTORY/b.sock}}]}
"""
PATIENCE_SECONDS = 60


class Testpmd:
    """Its numbers are what it prints every second (--stats-period)."""

    def __init__(self, weft, name, card, *options):
        self.log = weft.directory / f"{name}-{time.monotonic_ns()}.log"
        command = ["dpdk-testpmd", "--no-huge", "-m", "192", "--no-pci", "--no-telemetry", "--no-shconf", "--lcores",
                   "0@(0-1),1@(0-1)", f"--vdev=net_virtio_user0,path={weft.directory}/{name}.sock,{card}", "--",
                   "--total-num-mbufs=4096", "--stats-period=1", *options]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                                            env=dict(os.environ, RUNTIME_DIRECTORY=str(weft.directory)),
                                            preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))
        weft.guests.append(self)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def received(self):
        found = re.findall(r"RX-packets: (\d+)", self.log.read_text())
        return int(found[-1]) if found else 0


def wait_for(what, happens, guests):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        check(time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s\n"
              + "".join(guest.log.read_text()[-1500:] for guest in guests))
        time.sleep(0.2)


def mac(weft, instance):
    return next(i for i in weft.ask("ps") if i["name"] == instance)["interfaces"][0]["mac"]


def sender(weft, destination_port, card="queues=1"):
    own, peer = mac(weft, "a"), mac(weft, "b")
    return Testpmd(weft, "a", f"{card},mac={own}", "--forward-mode=txonly", f"--eth-peer=0,{peer}",
                   "--tx-ip=10.0.1.10,10.0.1.11", f"--tx-udp=7,{destination_port}")


def drops(weft):
    """Of groups, whoever's they are."""
    return sum(value for key, value in weft.counters().items() if "drops.group-" in key)


def scenario(weft):
    weft.up(TOPOLOGY.replace("DIRECTORY", str(weft.directory)))
    receiver = Testpmd(weft, "b", f"queues=1,mac={mac(weft, 'b')}", "--forward-mode=rxonly")

    # 1. Allowed, by split rings.
    client = sender(weft, 9)
    wait_for("allowed UDP arrives", lambda: receiver.received() > 1000, [client, receiver])
    equal(drops(weft), 0, "security drops of what is allowed")

    # 2. Killed under traffic; its successor has packed rings.
    client.kill()
    before = receiver.received()
    client = sender(weft, 9, "queues=1,packed_vq=1")
    wait_for("UDP of the next guest arrives", lambda: receiver.received() > before + 1000, [client, receiver])
    client.kill()

    # 3. Refused: counted, and nothing arrives any more. Twice the same number first: what was on its way is there.
    wait_for("the receiver is quiet", lambda: quiet(receiver), [receiver])
    before = receiver.received()
    client = sender(weft, 10)
    wait_for("refused UDP is dropped", lambda: drops(weft) > 1000, [client])
    client.kill()
    wait_for("the receiver is quiet", lambda: quiet(receiver), [receiver])
    equal(receiver.received(), before, "packets that arrived while all were refused")

    # 4. The receiver crashes under traffic and comes back.
    client = sender(weft, 9)
    receiver.kill()
    receiver = Testpmd(weft, "b", f"queues=1,mac={mac(weft, 'b')}", "--forward-mode=rxonly")
    wait_for("UDP reaches the restarted receiver", lambda: receiver.received() > 1000, [client, receiver])
    client.kill()
    receiver.kill()
    check(weft.ask("stats")["balance"]["holds"], "the balance of received and delivered packets does not hold")


def quiet(receiver):
    before = receiver.received()
    time.sleep(2.5)  # two prints
    return receiver.received() == before


if shutil.which("dpdk-testpmd") is None:
    print("skipped: no dpdk-testpmd (package dpdk-dev)")
    sys.exit(SKIP)
main(scenario, TOPOLOGY)
