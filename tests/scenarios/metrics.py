#!/usr/bin/env python3
"""Metrics as Prometheus reads them, `weft top`, and DPDK's own telemetry."""
import fcntl
import http.client
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian's package is, for a python of one's own
from prometheus_client.openmetrics import parser

from topologies import GUARDED_PAIR
from weft_scenario import check, equal, main

PATIENCE = 30
TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def start(weft, *words):
    done = subprocess.run([weft.daemon, "-d", *words], env=weft.environment, text=True, capture_output=True, timeout=PATIENCE)
    equal(done.returncode, 0, f"weftd -d {' '.join(words)}: {done.stderr}")


def samples_of(text):
    """{name: {labels: value}}; the parser refuses what OpenMetrics does."""
    samples = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return samples


def of(samples, name, **labels):
    found = [value for key, value in samples[name].items() if labels.items() <= dict(key).items()]
    equal(len(found), 1, f"samples of {name} with {labels}")
    return found[0]


def scrape(address, path="/metrics", method="GET"):
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.getheader("Content-Type"), answer.read().decode()


def metrics_are_what_prometheus_reads(weft, address):
    weft.inside("a", "ping", "-c2", "-i0.1", "b")
    weft.inside("b", "ping", "-c1", "-W1", "a", ok=(1,))  # a's groups let nobody in
    status, content_type, text = scrape(address)
    equal((status, content_type), (200, TYPE), "the answer to a scrape")
    samples = samples_of(text)
    statistics = {nic["instance"]: nic for nic in weft.ask("stats")["interfaces"]}
    for name in ("a", "b"):
        for metric, key in (("received", "rx"), ("transmitted", "tx")):
            for unit in ("packets", "bytes"):
                equal(of(samples, f"weft_eni_{metric}_{unit}_total", instance=name), statistics[name][f"{key}_{unit}"],
                      f"{unit} {metric} by {name}")
    check(of(samples, "weft_eni_dropped_packets_total", instance="b", reason="group-ingress") >= 1, "the drop is counted")
    equal(of(samples, "weft_eni_dropped_packets_total", instance="a", reason="spoofed-mac"), 0, "zeros are there")
    check(of(samples, "weft_eni_flows", instance="a") >= 1, "the ping is a flow")
    check(of(samples, "weft_worker_asleep_seconds_total", worker="0") > 0, "the worker has slept")
    equal(of(samples, "weft_instances", state="running"), 2, "instances")
    equal(scrape(address, "/v1/deployment")[0], 404, "nothing else is answered")
    equal(scrape(address, "/metrics", "POST")[0], 405, "nothing else is done")
    equal(samples_of(weft.run("metrics")).keys(), samples.keys(), "`weft metrics` has the same families")


def top_shows_rates(weft):
    lines = weft.run("top", "-n", 2, "--interval", 0.2, "-o", "json").splitlines()
    equal(len(lines), 2, "documents of two intervals")
    for line in lines:
        rates = json.loads(line)
        equal(sorted(one["instance"] for one in rates["interfaces"]), ["a", "b"], "interfaces")
        check(0 <= rates["workers"][0]["awake_ratio"] <= 1, "the worker's load")
    check("\x1b" not in weft.run("top", "--once", "--interval", 0.1), "no colours into a pipe")


def top_on_a_terminal(weft):
    """It draws in the alternate screen, takes keys and the size, and puts the terminal back."""
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 60, 0, 0))
    before = termios.tcgetattr(theirs)
    top = subprocess.Popen([weft.program, "top", "--interval", "0.2"], env=dict(weft.environment, TERM="xterm"), stdin=theirs,
                           stdout=theirs, stderr=theirs)
    said = b""

    def read_until(wanted):
        nonlocal said
        deadline = time.monotonic() + PATIENCE
        while wanted not in said and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                said += os.read(terminal, 65536)
        check(wanted in said, f"`weft top` wrote {wanted!r}; it wrote {said[-300:]!r}")

    read_until(b"\x1b[?1049h")
    read_until(b"INSTANCE")
    for line in re.sub(rb"\x1b\[[?0-9;]*[a-zA-Z]", b"", said).splitlines():
        check(len(line) <= 60, f"a line is no longer than the terminal is wide: {line!r}")
    os.write(terminal, b"d")
    os.write(terminal, b"q")
    read_until(b"\x1b[?1049l")
    equal(top.wait(PATIENCE), 0, "exit code after q")
    equal(termios.tcgetattr(theirs), before, "the terminal's settings")
    os.close(terminal)
    os.close(theirs)


def telemetry_answers(weft):
    """dpdk-telemetry.py, fed by a pipe."""
    if not os.path.exists("/usr/bin/dpdk-telemetry.py"):
        print("skipped: dpdk-telemetry.py is not installed")
        return
    eni = next(nic["eni"] for nic in weft.ask("stats")["interfaces"] if nic["instance"] == "b")
    done = subprocess.run(["/usr/bin/python3", "/usr/bin/dpdk-telemetry.py"], text=True, capture_output=True, timeout=PATIENCE,
                          input=f"/weft/enis\n/weft/eni,{eni}\n/weft/eni,nobody\n/weft/workers\n/weft/drops\nquit\n",
                          env=dict(weft.environment, RUNTIME_DIRECTORY=weft.environment["WEFT_RUNTIME_DIR"]))
    answers = [json.loads(line) for line in re.findall(r'^(?:--> )*(\{"/weft.*\})$', done.stdout, re.M)]
    equal(len(answers), 5, f"answers in {done.stdout}{done.stderr}")
    check(eni in answers[0]["/weft/enis"], "/weft/enis lists the interface")
    equal(answers[1]["/weft/eni"]["instance"], "b", "/weft/eni,ID")
    check(answers[1]["/weft/eni"]["drops"]["group_ingress"] >= 1, "and its drops")
    equal(answers[2]["/weft/eni"], None, "an interface that is not there")
    check(answers[3]["/weft/workers"]["0"]["asleep_ns"] > 0, "/weft/workers")
    check(answers[4]["/weft/drops"]["group_ingress"] >= 1, "/weft/drops")


def scenario(weft):
    start(weft, "--metrics-listen", "127.0.0.1:0", "--telemetry")
    weft.up()
    weft.prepare("a", "b")
    log = (weft.directory / "run/weftd.log").read_text()
    address = re.search(r"metrics: http://(\S+)/metrics", log)[1]
    metrics_are_what_prometheus_reads(weft, address)
    top_shows_rates(weft)
    top_on_a_terminal(weft)
    telemetry_answers(weft)
    refused = subprocess.run([weft.daemon, "--metrics-listen", "nonsense"], env=weft.environment, text=True, capture_output=True)
    equal(refused.returncode, 2, "exit code for an address that is none")
    check("127.0.0.1:9469" in refused.stderr, "which says what one looks like")


main(scenario, GUARDED_PAIR)
