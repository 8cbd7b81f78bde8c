#!/usr/bin/env python3
"""weftd as a program: its command line, readiness, lock, API over the socket, who may ask, and its end."""
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from weft_scenario import check, equal, main

TOPOLOGY = """version: 1
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: s, cidr: 10.0.1.0/24}]
security_groups: [{name: g, ingress: [{protocol: icmp, cidr: 0.0.0.0/0}]}]
instances: [{name: a, interfaces: [{security_groups: [g]}]}, {name: b, interfaces: [{security_groups: [g]}]}]
"""
PATIENCE = 30

# What a process inside an instance does to reach the socket that its mount namespace hides.
FROM_INSIDE = """import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(f"/proc/{sys.argv[1]}/root{sys.argv[2]}/api.sock")
s.sendall(b"DELETE /v1/deployment HTTP/1.1\\r\\nHost: weft\\r\\n\\r\\n")
print(s.recv(65536).decode())
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("weft", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def ask(directory, method, path, body=None, status=200):
    connection = UnixConnection(str(directory / "api.sock"))
    connection.request(method, path, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    text = answer.read().decode()
    equal(answer.status, status, f"{method} {path}: {text}")
    return json.loads(text)


def run(weft, *words, code):
    done = subprocess.run([weft.daemon, *map(str, words)], env=weft.environment, text=True, capture_output=True, timeout=PATIENCE)
    equal(done.returncode, code, f"exit code of weftd {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout + done.stderr


def start(weft, *words):
    """In the foreground, until it is ready."""
    reading, writing = os.pipe()
    began = time.monotonic()
    daemon = subprocess.Popen([weft.daemon, "--ready-fd", str(writing), *words], env=weft.environment, pass_fds=[writing],
                              stderr=subprocess.PIPE, text=True)
    os.close(writing)
    equal(os.read(reading, 2), b"\n", "what --ready-fd got")
    print(f"weftd was ready in {(time.monotonic() - began) * 1000:.0f} ms")
    equal(os.read(reading, 1), b"", "--ready-fd after that")
    os.close(reading)
    return daemon


def command_line(weft):
    check("Example:" in run(weft, "--help", code=0), "--help has an example")
    check(run(weft, "--version", code=0).startswith("weftd "), "--version")
    for words in (["--workers", 0], ["--nonsense"], ["--poll"], ["--cpus", "3-1"], ["--grace-ms", -1], ["--log-level", "loud"]):
        run(weft, *words, code=2)
    for words in ([], ["-d"]):
        check("runtime directory" in run(weft, *words, "--runtime-dir", "/proc/weft", code=1), "an unusable directory is named")


def tells_the_service_manager(weft):
    path = tempfile.mkdtemp(dir=weft.directory) + "/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(PATIENCE)
        weft.environment["NOTIFY_SOCKET"] = path
        daemon = start(weft)
        del weft.environment["NOTIFY_SOCKET"]
        check(manager.recv(100).startswith(b"READY=1\n"), "the service manager hears READY=1")
        daemon.terminate()
        check(manager.recv(100).startswith(b"STOPPING=1\n"), "and STOPPING=1")
    equal(daemon.wait(PATIENCE), 0, "exit code after SIGTERM")


def loses_its_holder(weft):
    daemon = start(weft)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as holder:
        holder.connect(str(weft.directory / "run/holder.sock"))
        pid = struct.unpack("3i", holder.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    os.kill(pid, signal.SIGKILL)
    equal(daemon.wait(PATIENCE), 1, "exit code without a holder")
    check("holder" in daemon.stderr.read(), "the log says why")


def scenario(weft):
    directory = weft.directory / "run"
    command_line(weft)
    tells_the_service_manager(weft)
    loses_its_holder(weft)

    daemon = start(weft)
    message = run(weft, "-d", code=1)
    check(f"process {daemon.pid}" in message, f"the second daemon says who is the first: {message}")

    status = ask(directory, "GET", "/v1/status")
    equal((status["pid"], status["deployment"], status["progress"]), (daemon.pid, False, None), "status")
    equal(status["mode"], "root" if os.geteuid() == 0 else "rootless", "mode")
    request = {"file": "t.yaml", "topology": TOPOLOGY}
    planned = ask(directory, "POST", "/v1/plan", request)["changes"]
    equal(ask(directory, "POST", "/v1/apply", request)["changes"], planned, "what plan promised")
    weft.inside("a", "ping", "-c1", "-W5", "b")
    # Exact once the workers are quiet (docs/api.md), which is a moment after ping has its answer.
    deadline = time.monotonic() + PATIENCE
    while not (statistics := ask(directory, "GET", "/v1/statistics"))["balance"]["holds"] and time.monotonic() < deadline:
        time.sleep(0.02)
    equal(statistics["balance"]["holds"], True, f"the balance: {statistics}")
    equal([flow["state"] for flow in ask(directory, "GET", "/v1/flows")], ["icmp"], "flows")
    equal(ask(directory, "POST", "/v1/explain", {"source": "a", "destination": "b", "protocol": "icmp"})["allowed"], True, "explain")

    if os.geteuid() == 0:  # an ordinary user's instance may not even look at weftd's /proc
        answer = weft.inside("a", sys.executable, "-c", FROM_INSIDE, daemon.pid, directory)
        check(" 403 " in answer and "UnauthorizedOperation" in answer, f"from inside an instance: {answer}")
    else:
        weft.inside("a", sys.executable, "-c", FROM_INSIDE, daemon.pid, directory, ok=(1,))
    equal([instance["name"] for instance in ask(directory, "GET", "/v1/instances")], ["a", "b"], "nobody from inside did it")

    daemon.terminate()
    equal(daemon.wait(PATIENCE), 0, "exit code after SIGTERM")
    equal(sorted(os.listdir(directory)), ["weftd.lock"], "what is left in the runtime directory")

    daemon = start(weft)
    ask(directory, "POST", "/v1/apply", request)
    equal(ask(directory, "DELETE", "/v1/deployment"), {"removed": 2}, "DELETE")
    equal(daemon.wait(PATIENCE), 0, "exit code after DELETE")


main(scenario, TOPOLOGY)
