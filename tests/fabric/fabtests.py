#!/usr/bin/env python3
"""Runs libfabric's own tests (fabtests) against the provider, and prints a table of results.

fabtests is not packaged in Debian and is no part of Weft: give the directory of its sources at tag v1.17.0. They are
compiled there with plain gcc against the system's libfabric, then run between two instances of a loopback daemon.

    git clone --depth 1 --branch v1.17.0 https://github.com/ofiwg/libfabric /tmp/libfabric
    tests/fabric/fabtests.py /tmp/libfabric/fabtests build
    tests/fabric/fabtests.py /tmp/libfabric/fabtests build --only rdm_atomic --verbose

With --installed PREFIX the tests and the libfabric that are installed below PREFIX are used instead: how libweft-fi.so,
built against one libfabric, does under another.
"""

import argparse
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

SERVER, CLIENT = ("node-0", "10.0.1.1"), ("node-1", "10.0.1.2")
NOT_RUN = (38, 61)  # FI_ENOSYS, FI_ENODATA: not offered, says runfabtests.sh
SETS = {"quick": ("unit_tests", "functional_tests", "short_tests"), "standard": ("standard_tests",)}


def compile_tests(source: pathlib.Path) -> pathlib.Path:
    binaries, objects = source / "weft-bin", source / "weft-obj"
    if (binaries / "done").exists():
        return binaries
    binaries.mkdir(exist_ok=True)
    objects.mkdir(exist_ok=True)
    (source / "config.h").write_text('#define HAVE_CLOCK_GETTIME 1\n#define HAVE_EPOLL 1\n'
                                     '#define HAVE_ALIAS_ATTRIBUTE 1\n#define PACKAGE_VERSION "1.17.0"\n')
    gcc = ["gcc", "-O1", "-w", "-D_GNU_SOURCE", "-DHAVE_CONFIG_H", "-I.", "-Iinclude", "-Iinclude/unix"]
    libraries = ["-lfabric", "-lpthread", "-lm", "-ldl", "-lrt"]
    common = []
    for name in ("shared", "hmem", "hmem_cuda", "hmem_rocr", "hmem_ze", "hmem_neuron"):
        common.append(str(objects / f"{name}.o"))
        subprocess.run([*gcc, "-c", f"common/{name}.c", "-o", common[-1]], cwd=source, check=True)
    for folder, shared in (("functional", None), ("benchmarks", "benchmark_shared"), ("unit", "common")):
        extra = [f"{folder}/{shared}.c"] if shared else []
        for file in sorted((source / folder).glob("*.c")):
            if file.stem != shared:
                subprocess.run([*gcc, f"{folder}/{file.name}", *extra, *common, "-o", str(binaries / f"fi_{file.stem}"),
                                *libraries], cwd=source, check=True)
    (binaries / "done").touch()
    return binaries


def read_lists(source: pathlib.Path, which: str) -> list[tuple[str, str]]:
    """The commands of the sets, as runfabtests.sh has them: (list, command)."""
    script = (source / "scripts" / "runfabtests.sh").read_text()
    found = []
    for name in SETS[which]:
        body = re.search(rf"^{name}=\(\n(.*?)^\)", script, re.M | re.S).group(1)
        found += [(name, command) for command in re.findall(r'"(.*?)"', body)]
    return found


class Runner:
    def __init__(self, binaries: pathlib.Path, build: pathlib.Path, patience: float, verbose: bool,
                 libraries: pathlib.Path | None):
        self.binaries, self.patience, self.verbose = binaries, patience, verbose
        self.runtime = tempfile.mkdtemp(prefix="weft-fabtests-")
        self.environment = {**os.environ, "FI_PROVIDER_PATH": str(build / "fabric/provider"),
                            "WEFT_RUNTIME_DIR": self.runtime}
        if libraries:
            self.environment["LD_LIBRARY_PATH"] = str(libraries)
        self.daemon = subprocess.Popen([build / "tests/fabric/provider/weft-loopback-daemon", self.runtime, SERVER[0],
                                        CLIENT[0]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.daemon.stdout.readline().strip() != "ready":
            raise SystemExit("the loopback daemon does not start")

    def close(self):
        self.daemon.stdin.close()
        self.daemon.wait()

    def start(self, command: str, instance: str):
        words = shlex.split(command)
        return subprocess.Popen([str(self.binaries / words[0]), *words[1:]], start_new_session=True,
                                env={**self.environment, "WEFT_INSTANCE": instance},
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    def finish(self, processes) -> list[int]:
        end = time.monotonic() + self.patience
        codes = []
        for process in processes:
            try:
                output, _ = process.communicate(timeout=max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
            codes.append(process.returncode)
            if self.verbose:
                print(output)
        return codes

    def run(self, kind: str, command: str) -> str:
        if kind == "unit_tests":
            command = command.replace("SERVER_ADDR", SERVER[1]).replace("GOOD_ADDR", CLIENT[1])
            codes = self.finish([self.start(f"{command} -p weft", SERVER[0])])
        else:
            server = self.start(f"{command} -p weft -s {SERVER[1]}", SERVER[0])
            time.sleep(0.5)
            client = self.start(f"{command} -p weft -s {CLIENT[1]} {SERVER[1]}", CLIENT[0])
            codes = self.finish([client, server])
        if all(code == 0 for code in codes):
            return "pass"
        if any(code in NOT_RUN for code in codes):
            return "not run"
        return "FAIL (" + ", ".join("time-out" if code == -signal.SIGKILL else str(code) for code in codes) + ")"


def enter_network() -> None:
    """A network namespace of our own, where both instances' addresses exist: some tests also use plain sockets."""
    if "WEFT_FABTESTS_INSIDE" not in os.environ:
        os.environ["WEFT_FABTESTS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--net", sys.executable, *sys.argv])
    for words in (("link", "set", "lo", "up"), *(("addr", "add", f"{node[1]}/32", "dev", "lo") for node in (SERVER, CLIENT))):
        subprocess.run(["ip", *words], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path, help="fabtests/ of libfabric")
    parser.add_argument("build", type=pathlib.Path, help="Weft's build directory")
    parser.add_argument("--set", choices=SETS, default="quick")
    parser.add_argument("--only", default="", help="a regular expression: commands that match it")
    parser.add_argument("--patience", type=float, default=60, help="seconds for one test")
    parser.add_argument("--installed", type=pathlib.Path, metavar="PREFIX",
                        help="fabtests and libfabric as installed there, not compiled here")
    parser.add_argument("--verbose", action="store_true", help="print what the tests print")
    options = parser.parse_args()
    enter_network()
    source = options.source.resolve()
    prefix = options.installed.resolve() if options.installed else None
    binaries = prefix / "bin" if prefix else compile_tests(source)
    runner = Runner(binaries, options.build.resolve(), options.patience, options.verbose, prefix and prefix / "lib")
    results: dict[str, int] = {}
    try:
        for kind, command in read_lists(source, options.set):
            if re.search(options.only, command):
                result = runner.run(kind, command)
                results[result.split(" (")[0]] = results.get(result.split(" (")[0], 0) + 1
                print(f"| `{command}` | {result} |", flush=True)
    finally:
        runner.close()
    print(", ".join(f"{count} {result}" for result, count in results.items()))
    return 1 if "FAIL" in results else 0


if __name__ == "__main__":
    sys.exit(main())
