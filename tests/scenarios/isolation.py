#!/usr/bin/env python3
"""What an instance sees: its own name, interface and hosts; not the control API. From inside, another can be entered."""
from topologies import OPEN_PAIR
from weft_scenario import check, equal, main


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    interface = weft.ask("ps")[0]["interfaces"][0]
    equal(weft.inside("a", "hostname"), "a\n", "the host name")
    equal(weft.inside("a", "ls", "/sys/class/net").split(), ["eth0", "lo"], "interfaces")
    equal(weft.inside("a", "cat", "/sys/class/net/eth0/address", "/sys/class/net/eth0/mtu").split(),
          [interface["mac"], "9001"], "MAC and MTU")
    equal(weft.inside("a", "ip", "-4", "-o", "route").splitlines(),
          ["default via 10.0.1.1 dev eth0 proto static ",
           "10.0.1.0/24 dev eth0 proto kernel scope link src 10.0.1.10 "], "routes")
    equal(weft.inside("a", "getent", "hosts", "b").split(), ["10.0.1.11", "b"], "b's address")
    offloads = weft.inside("a", "ethtool", "-k", "eth0").splitlines()
    for offload in ("tx-checksumming: on", "tcp-segmentation-offload: on"):
        check(offload in offloads, f"eth0 has {offload}: {offloads}")

    equal(weft.inside("a", "ls", weft.environment["WEFT_RUNTIME_DIR"]), "holder.sock\n", "the runtime directory inside")
    weft.inside("a", weft.program, "ps", ok=(3,))
    weft.inside("a", weft.program, "down", ok=(1, 2, 3, 4))
    equal([i["name"] for i in weft.ask("ps")], ["a", "b"], "a `weft down` from inside reaches nobody")

    equal(weft.inside("a", weft.program, "ssh", "-x", "b", "hostname; echo $WEFT_INSTANCE"), "b\nb\n", "weft ssh from a")
    equal(weft.inside("a", "sh", "-c", "exit 7", ok=(7,)), "", "the exit code is the command's")
    weft.inside("nobody", "true", ok=(1, 2))
    check("nobody" in weft.stderr, f"an unknown instance is named: {weft.stderr}")


main(scenario, OPEN_PAIR)
