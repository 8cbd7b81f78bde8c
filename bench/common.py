"""What the whole-system benchmarks share: the build directory, a deployment of their own, medians, a table."""
import argparse
import contextlib
import os
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parser(description, rounds):
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--build", default=ROOT / "build", type=pathlib.Path, help="build directory (default: build)")
    p.add_argument("--rounds", type=int, default=rounds, help=f"runs to take the median of (default: {rounds})")
    p.add_argument("--check", action="store_true", help="exit 1 when a ratio or limit of the README is not met")
    p.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return p


class Deployment:
    """A private runtime directory; `weft down` at the end whatever happened."""

    def __init__(self, build):
        self.weft = build.resolve() / "tools/weft/weft"
        self.directory = tempfile.TemporaryDirectory(prefix="weft-bench-")
        self.environment = os.environ | {"WEFT_RUNTIME_DIR": self.directory.name + "/run"}

    def run(self, *arguments, timeout=120):
        done = subprocess.run([self.weft, *map(str, arguments)], env=self.environment, text=True, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise SystemExit(f"weft {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


@contextlib.contextmanager
def deployment(build):
    d = Deployment(build)
    try:
        yield d
    finally:
        subprocess.run([d.weft, "down"], env=d.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        d.directory.cleanup()


median = statistics.median
