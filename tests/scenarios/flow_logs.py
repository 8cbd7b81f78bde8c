#!/usr/bin/env python3
"""Flow logs on real namespaces: a ping and TCP, ACCEPT and REJECT, live edits, --flush and --follow, what a destination that
cannot be written says, and the last lines on `weft down` (facts ec2 1.9)."""
import os
import re
import subprocess
import time

from weft_scenario import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: main, cidr: 10.0.1.0/24}]
security_groups:
  - name: web
    ingress: [{protocol: tcp, port: 80, cidr: 10.0.1.0/24}, {protocol: icmp, cidr: 10.0.1.0/24}]
instances:
  - {name: a, interfaces: [{private_ip: 10.0.1.10, security_groups: [web]}]}
  - {name: b, interfaces: [{private_ip: 10.0.1.11, security_groups: [web]}]}
"""
LOGS = """\
flow_logs:
  - {name: everything, max_aggregation_interval: 60, destination: DIRECTORY}
  - {name: refused, interface: b/eth0, traffic_type: REJECT, destination: DIRECTORY,
     log_format: "${interface-id} ${srcaddr} ${dstport} ${packets} ${action} ${log-status} ${flow-direction} ${tcp-flags}"}
"""


def flow_log(weft, name):
    return next(log for log in weft.ask("flow-logs") if log["name"] == name)


def lines(weft, name, flush=True):
    """Since the last look, without the field names."""
    if flush:
        weft.run("flow-logs", "--flush")
    log = flow_log(weft, name)
    every = open(log["file"]).read().splitlines()[1:]
    seen = weft.seen.get(name, 0)
    weft.seen[name] = len(every)
    equal(log["lines_written"], len(every), f"the lines that {name} says it has written")
    return every[seen:]


def wait_for(what, happened):
    for _ in range(200):
        if happened():
            return
        time.sleep(0.05)
    check(False, f"{what} did not happen")


def scenario(weft):
    weft.seen = {}
    directory = os.path.join(weft.directory, "made", "by", "weft")
    logs = LOGS.replace("DIRECTORY", directory)
    weft.up(TOPOLOGY)
    equal(weft.ask("flow-logs"), [], "no flow log yet")
    plan = weft.up(TOPOLOGY + logs)
    check("flow log" in plan and "instance" not in plan, f"the plan is the flow logs alone:\n{plan}")
    enis = {one["name"]: one["interfaces"][0]["id"] for one in weft.ask("ps")}

    # Four pings each way, and a TCP connection; the destination port nobody may reach.
    weft.inside("a", "ping", "-c4", "-i0.2", "-W5", "b")
    server = weft.start("b", "serve", 80)
    equal(server.line(), "ready", "the server")
    equal(weft.guest("a", "talk", "b", 80), "connected\n", "port 80")
    equal(weft.guest("a", "talk", "b", 81, ok=(1,)), "no answer\n", "port 81")
    found = lines(weft, "everything")
    for name in ("a", "b"):
        for source, destination in (("10.0.1.10", "10.0.1.11"), ("10.0.1.11", "10.0.1.10")):
            ping = f"2 123456789012 {enis[name]} {source} {destination} 0 0 1 4 336 "
            equal(len([one for one in found if one.startswith(ping) and one.endswith(" ACCEPT OK")]), 1,
                  f"the ping from {source} at {name} in {found}")
    tcp = re.compile(rf"2 123456789012 {enis['b']} 10.0.1.10 10.0.1.11 \d+ 80 6 \d+ \d+ \d+ \d+ ACCEPT OK")
    check(any(tcp.fullmatch(one) for one in found), f"the connection at b in {found}")
    refusal = re.compile(rf"2 123456789012 (\S+) 10.0.1.10 10.0.1.11 \d+ 81 6 1 60 \d+ \d+ (\S+) OK")
    said = sorted(refusal.fullmatch(one).groups() for one in found if refusal.fullmatch(one))
    equal(said, sorted([(enis["a"], "ACCEPT"), (enis["b"], "REJECT")]), "port 81, at both ends")
    equal(lines(weft, "refused", flush=False), [f"{enis['b']} 10.0.1.10 81 1 REJECT OK ingress 2"], "the log of b")

    # Nothing: NODATA of each. What the fabric answers itself is nothing, too.
    weft.inside("a", "ping", "-c1", "-W5", "10.0.1.1")
    found = lines(weft, "everything")
    check(sorted(one.split()[2] for one in found) == sorted(enis.values()) and
          all(one.endswith("- NODATA") for one in found), f"two NODATA lines: {found}")

    # --follow prints what comes.
    follower = subprocess.Popen([weft.program, "flow-logs", "--follow", "refused"], env=weft.environment, text=True,
                                stdout=subprocess.PIPE)
    try:
        wait_for("the follower's opening of the file", lambda: any(
            os.path.realpath(f"/proc/{follower.pid}/fd/{fd}") == flow_log(weft, "refused")["file"]
            for fd in os.listdir(f"/proc/{follower.pid}/fd")))
        weft.guest("a", "talk", "b", 81, ok=(1,))
        weft.run("flow-logs", "--flush")
        equal(follower.stdout.readline(), f"{enis['b']} 10.0.1.10 81 1 REJECT OK ingress 2\n", "what --follow prints")
    finally:
        follower.kill()
        follower.wait()

    # An instance that comes is logged from then on; one flow log goes and writes what it has.
    more = TOPOLOGY + "  - {name: c, interfaces: [{private_ip: 10.0.1.12, security_groups: [web]}]}\n"
    weft.up(more + logs)
    lines(weft, "everything")
    weft.inside("c", "ping", "-c1", "-W5", "10.0.1.10")
    c = weft.ask("ps")[-1]["interfaces"][0]["id"]
    check(any(f" {c} 10.0.1.12 10.0.1.10 0 0 1 1 84 " in one for one in lines(weft, "everything")), "c is logged")
    file = flow_log(weft, "everything")["file"]
    weft.inside("c", "ping", "-c1", "-W5", "10.0.1.11")
    weft.up(more)
    check(any(f" {c} 10.0.1.12 10.0.1.11 0 0 1 1 84 " in one for one in open(file)), "the last interval of what was removed")

    # A destination that cannot be written, and mistakes, are refused with their lines; nothing changes.
    weft.up(more + logs.replace(directory, "/proc/weft"), ok=(1, 2, 4))
    check("LogDestination" in weft.stderr and "destination" in weft.stderr, f"both destinations: {weft.stderr}")
    equal(weft.ask("flow-logs"), [], "no flow log after it was refused")

    # The last lines on `weft down`.
    weft.up(more + logs)
    weft.inside("c", "ping", "-c1", "-W5", "10.0.1.11")
    size = os.path.getsize(file)
    weft.down()
    check(any(f" {c} 10.0.1.12 10.0.1.11 0 0 1 1 84 " in one for one in open(file).read()[size:].splitlines()),
          "the interval that `weft down` ended")


main(scenario, TOPOLOGY)
