#!/usr/bin/env python3
"""libfabric's own programs over weft between two instances: fi_info lists the interface, fi_pingpong exchanges every size,
and says why it cannot where the group has no rule of its own (statement 36)."""
import subprocess

from weft_mpi import CLUSTER, LIMIT_SECONDS, check, equal, main, provider_directory

NO_SELF_EGRESS = CLUSTER.replace("egress:  [{protocol: all, group: efa}]", "egress:  [{protocol: all, cidr: 0.0.0.0/0}]")


def scenario(weft):
    weft.up()
    weft.environment["FI_PROVIDER_PATH"] = str(provider_directory(weft))
    listed = weft.inside("node-0", "fi_info", "-p", "weft")
    check("provider: weft" in listed and "type: FI_EP_RDM" in listed, listed)

    pingpong = ["fi_pingpong", "-p", "weft", "-e", "rdm", "-c"]  # -c: every byte is checked
    server = subprocess.Popen([weft.program, "exec", "node-0", "--", *pingpong], env=weft.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        rows = weft.inside("node-1", "sh", "-c", f"sleep 1; {' '.join(pingpong)} node-0", timeout=60).splitlines()[1:]
        equal([row.split()[0] for row in rows], ["64", "256", "1k", "4k", "64k", "1m"], "sizes that were exchanged")
        equal(server.wait(LIMIT_SECONDS), 0, "the server's exit code")
    finally:
        server.kill()
        server.communicate()

    weft.up(NO_SELF_EGRESS)
    server = subprocess.Popen([weft.program, "exec", "node-0", "--", *pingpong], env=weft.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said = weft.inside("node-1", "sh", "-c", f"sleep 1; {' '.join(pingpong)} node-0 2>&1", ok=range(1, 256), timeout=60)
        # EFA's text of its error 4126.
        check("Unresponsive receiver (reachable by EFA device but handshake failed)" in said and "No route to host" in said, said)
    finally:
        server.kill()
        server.communicate()


main(scenario)
