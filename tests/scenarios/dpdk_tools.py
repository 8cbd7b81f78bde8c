#!/usr/bin/env python3
"""weftd --shared: DPDK's own tools attach as secondary processes. As root, and only where huge pages are free:
echo 256 > /proc/sys/vm/nr_hugepages. It mounts a hugetlbfs for itself, where nobody else sees it."""
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import sys

from topologies import OPEN_PAIR
from weft_scenario import SKIP, check, equal, main

PATIENCE = 60
MEMORY_MB = 256
# A wire from which frames come without end.
TOPOLOGY = OPEN_PAIR + "  - {name: w, interfaces: [{security_groups: [open], port: {driver: ethdev, device: net_null0}}]}\n"
PREFIX = f"weft-test-{os.getpid()}"
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def free_huge_mb():
    return sum(int((size / "free_hugepages").read_text()) * int(re.search(r"\d+", size.name)[0]) // 1024
               for size in pathlib.Path("/sys/kernel/mm/hugepages").iterdir())


def why_not():
    if os.geteuid() != 0:
        return "only root's weftd can be shared"
    missing = [tool for tool in ("dpdk-proc-info", "dpdk-dumpcap", "dpdk-telemetry.py") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    if free_huge_mb() < MEMORY_MB + 64:
        return f"{free_huge_mb()} MiB of huge pages are free, {MEMORY_MB + 64} are needed"
    return None


def mount_hugetlbfs(folder):
    libc = ctypes.CDLL(None, use_errno=True)
    for done in (libc.unshare(CLONE_NEWNS), libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
                 libc.mount(b"none", str(folder).encode(), b"hugetlbfs", 0, None)):
        check(done == 0, f"a hugetlbfs of one's own: {os.strerror(ctypes.get_errno())}")


def tool(*words):
    done = subprocess.run(list(map(str, words)), text=True, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    equal(done.returncode, 0, f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def scenario(weft):
    folder = weft.directory / "huge"
    folder.mkdir()
    mount_hugetlbfs(folder)
    refused = subprocess.run([weft.daemon, "--shared", PREFIX, "--no-huge"], env=weft.environment, text=True, capture_output=True)
    equal(refused.returncode, 2, "--shared without huge pages")
    subprocess.run([weft.daemon, "-d", "--shared", PREFIX, "--memory", str(MEMORY_MB), "--telemetry"],
                   env=weft.environment, check=True, timeout=PATIENCE)
    weft.up()
    weft.inside("a", "ping", "-c1", "b")
    check("net_null0" in tool("dpdk-dumpcap", f"--file-prefix={PREFIX}", "-D"), "dpdk-dumpcap lists the port")
    captured = weft.directory / "wire.pcapng"
    tool("dpdk-dumpcap", f"--file-prefix={PREFIX}", "-i", "net_null0", "-c", 5, "-w", captured)
    check(captured.stat().st_size > 500, "and captures what the engine receives there")
    said = tool("dpdk-proc-info", "--file-prefix", PREFIX, "--", "--show-mempool")
    check("MEMPOOL" in said.upper(), f"dpdk-proc-info sees the packets' memory: {said}")
    done = subprocess.run(["/usr/bin/python3", shutil.which("dpdk-telemetry.py"), "-f", PREFIX], input="/weft/enis\nquit\n", text=True,
                          capture_output=True, timeout=PATIENCE)
    check("eni-" in done.stdout, f"dpdk-telemetry.py finds it by the prefix: {done.stdout}{done.stderr}")
    weft.inside("a", "ping", "-c1", "b")  # which nobody has disturbed
    weft.down()
    check(not list(folder.glob(f"{PREFIX}map_*")), "no huge page stays taken")
    check(not pathlib.Path("/var/run/dpdk", PREFIX).exists(), "and no file of EAL's is left")


if why_not():
    print(f"skipped: {why_not()}")
    sys.exit(SKIP)
main(scenario, TOPOLOGY, needs="root")
