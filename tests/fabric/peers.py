"""Processes with an endpoint each (weft-fabric-peer), over a loopback daemon or in instances, for scripts that kill, stop
and restart them."""
import contextlib
import os
import pathlib
import select
import subprocess
import tempfile
import time

PATIENCE = 20


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(got, wanted, what):
    check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


class Peer:
    def __init__(self, command, environment):
        self.ip = "?"
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.lines, self.partial = [], b""
        _, self.ip, self.port = self.expect("address").split()

    @property
    def pid(self):
        return self.process.pid

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def read(self, seconds):
        if select.select([self.process.stdout], [], [], seconds)[0]:
            data = os.read(self.process.stdout.fileno(), 65536)
            check(data, f"the peer at {self.ip} ended ({self.process.poll()})")
            *whole, self.partial = (self.partial + data).split(b"\n")
            self.lines += [line.decode() for line in whole]

    def expect(self, start, seconds=PATIENCE):
        """The first line that begins with this; others stay."""
        deadline = time.monotonic() + seconds
        while True:
            for i, line in enumerate(self.lines):
                if line.startswith(start):
                    return self.lines.pop(i)
            check(time.monotonic() < deadline, f"no line '{start}' from the peer at {self.ip} in {seconds} s: {self.lines}")
            self.read(0.1)

    def ask(self, line, start):
        self.tell(line)
        return self.expect(start)

    def insert(self, other):
        return int(self.ask(f"insert {other.ip} {other.port}", "peer").split()[1])

    def reopen(self):
        """After its daemon died: closes the endpoint and makes one with the same address."""
        check(int(self.ask("close", "closed").split()[1]) < 800, "closing what is dead takes no time")
        equal(self.ask(f"open {self.port}", "address"), f"address {self.ip} {self.port}", "the same address again")

    def post(self, verb, name, peer, size):
        equal(self.ask(f"{verb} {name} {peer} {size}", name), f"{name} posted", f"{verb} {name}")

    def error(self, name, seconds=PATIENCE):
        """(err, prov_errno, milliseconds since it was posted) of an operation that fails."""
        words = self.expect(f"{name} ", seconds).split()
        equal(words[1], "error", f"the outcome of {name} {words}")
        return int(words[2]), int(words[3]), int(words[4])

    def complaints(self, until, seconds=PATIENCE):
        """Its standard error, until it has said this."""
        text, deadline = "", time.monotonic() + seconds
        while until not in text:
            check(time.monotonic() < deadline, f"'{until}' was not said in {seconds} s:\n{text}")
            if select.select([self.process.stderr], [], [], 0.1)[0]:
                text += os.read(self.process.stderr.fileno(), 65536).decode()
        return text

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def wait_for_end(pid_or_process, seconds, what):
    try:
        return pid_or_process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{what} did not end in {seconds} s") from None


class Loopback:
    """A loopback daemon with node-0 (10.0.1.1) ... that can die and come back on the same directory."""

    def __init__(self, build, instances=2):
        self.build = pathlib.Path(build).resolve()
        self.instances = [f"node-{i}" for i in range(instances)]
        self.stack = contextlib.ExitStack()
        self.directory = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="weft-peers-"))
        self.peers, self.daemon = [], None
        self.start_daemon()

    def start_daemon(self):
        program = self.build / "tests/fabric/provider/weft-loopback-daemon"
        self.daemon = subprocess.Popen([program, self.directory + "/run", *self.instances], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        equal(self.daemon.stdout.readline(), "ready\n", "the loopback daemon")

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.wait()

    def peer(self, node, **variables):
        environment = dict(os.environ, FI_PROVIDER="weft", FI_PROVIDER_PATH=str(self.build / "fabric/provider"),
                           WEFT_RUNTIME_DIR=self.directory + "/run", WEFT_INSTANCE=f"node-{node}", **variables)
        self.peers.append(Peer([self.build / "tests/fabric/provider/weft-fabric-peer"], environment))
        return self.peers[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.peers:
            peer.end()
        self.kill_daemon()
        self.stack.close()
