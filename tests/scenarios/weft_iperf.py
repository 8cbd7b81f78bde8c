"""iperf3 between instances: a server for one test, and a client that reports in JSON."""
import json
import time

from weft_clients import program
from weft_guest_process import GuestProcess
from weft_scenario import check

PORT = 5201


def start(weft, instance, *words):
    guest = GuestProcess([weft.program, "exec", instance, "--", program("iperf3"), *map(str, words)], weft.environment)
    weft.guests.append(guest)
    return guest


def serve_once(weft, instance):
    """One that has served says "busy" for a moment; so each test has its own."""
    server = start(weft, instance, "-s", "-1", "--forceflush")
    while "listening" not in (line := server.line()):
        check("error" not in line, f"iperf3 -s: {line}")
    return server


class Run:
    """A client that runs by itself until report() waits for it."""

    def __init__(self, weft, client, server, address, *options):
        self.weft, self.server = weft, serve_once(weft, server)
        self.client = start(weft, client, "-c", address, "-J", *options)

    def wait_established(self):
        """Until the engine follows both of its connections, that of control and that of data."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.running():
            both = [flow for flow in self.weft.ask("flows") if flow["state"] == "tcp-established" and
                    PORT in (flow["tuple"]["source_port"], flow["tuple"]["destination_port"])]
            if len(both) >= 2:
                return
            time.sleep(0.05)
        check(False, "iperf3 has its two connections")

    def running(self):
        return self.client.process.poll() is None

    def report(self):
        text = self.client.process.stdout.read().decode()
        code = self.client.process.wait(20)
        warning, brace, rest = text.partition("{")
        # Of a datagram that it sees will be fragmented it warns; nothing else is to be said.
        check(brace and ("UDP block size" in warning or not warning), f"iperf3: exit code {code}: {text[:2000]}")
        said = json.loads(brace + rest)
        check("error" not in said, f"iperf3: {said.get('error')}")
        self.server.process.stdout.read()
        self.server.process.wait(20)
        return said
