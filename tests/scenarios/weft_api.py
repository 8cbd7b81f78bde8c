"""A client of the control API that keeps its connection: for edits that follow each other faster than processes start."""
import http.client
import json
import socket


class Api(http.client.HTTPConnection):
    def __init__(self, runtime_directory, timeout=60):
        super().__init__("weft", timeout=timeout)
        self.path = str(runtime_directory / "api.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def ask(self, method, path, body=None):
        """Status and what the JSON says."""
        self.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = self.getresponse()
        return answer.status, json.loads(answer.read())

    def apply(self, topology, file="topology.yaml"):
        status, said = self.ask("POST", "/v1/apply", {"file": file, "topology": topology})
        if status != 200:
            raise RuntimeError(f"apply: {status} {said}")
        return said
