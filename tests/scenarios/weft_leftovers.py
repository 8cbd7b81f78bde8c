"""Nothing is left behind: no process, no namespace with somebody in it, no socket, no shared memory."""
import os
import pathlib
import time

PATIENCE_SECONDS = 5.0


class Leftovers:
    def __init__(self, directory):
        self.directory = directory
        self.networks = set()
        self.shared_memory = self._shared_memory()

    def watch_network(self, network):
        """`network` as /proc/<pid>/ns/net calls it."""
        self.networks.add(network)

    def processes(self):
        """Pids of everything that was started for this deployment, or is in one of its instances."""
        mark = f"WEFT_RUNTIME_DIR={self.directory}".encode()
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                environment = (entry / "environ").read_bytes()
                # The kernel gives a namespace's number to the next one when it is gone, perhaps to another deployment's
                # of a test beside this one: what says that it belongs to that is not ours.
                others = b"WEFT_RUNTIME_DIR=" in environment and mark not in environment
                inside = os.readlink(entry / "ns/net") in self.networks and not others
                if mark in environment or inside:
                    found[int(entry.name)] = (entry / "comm").read_text().strip()
            except OSError:
                pass  # gone meanwhile, a zombie, or somebody else's
        return found

    def sockets(self):
        run = self.directory / "run"
        return sorted(path.name for path in run.iterdir() if path.is_socket()) if run.exists() else []

    def find(self):
        found = [f"process {pid} ({name})" for pid, name in self.processes().items()]
        found += [f"socket {name}" for name in self.sockets()]
        found += [f"file {name}" for name in ("hosts", "hosts.outside", "resolv.conf", "resolv.conf.outside") if (self.directory / "run" / name).exists()]
        return found + [f"shared memory {name}" for name in self._shared_memory() - self.shared_memory]

    def check(self, check):
        deadline = time.monotonic() + PATIENCE_SECONDS
        found = self.find()
        while found and time.monotonic() < deadline:
            time.sleep(0.05)
            found = self.find()
        check(not found, f"left behind: {', '.join(found)}")

    @staticmethod
    def _shared_memory():
        return {name for name in os.listdir("/dev/shm") if "weft" in name.lower()}
