#!/usr/bin/env python3
"""Hot attach, detach and move of a network interface, secondary addresses that come and go: all while a transfer between
the others runs, which loses nothing (facts ec2 1.1, 1.2)."""

from weft_scenario import check, equal, main

HEAD = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: main, cidr: 10.0.1.0/24}]
security_groups:
  - name: open
    ingress: [{protocol: all, cidr: 0.0.0.0/0}]
instances:
"""
INSTANCES = "".join(f"  - {{name: {name}, interfaces: [{{private_ip: 10.0.1.1{i}, security_groups: [open]}}]}}\n"
                    for i, name in enumerate("abcd"))


def topology(where="", extra=""):
    attached = f", instance: {where}, device_index: 1" if where else ""
    return HEAD + INSTANCES + "network_interfaces:\n  - {name: floating, subnet: main, private_ip: 10.0.1.50, " \
        f"security_groups: [open], description: moves about{extra}{attached}}}\n"


def floating(weft):
    return next(nic for nic in weft.interfaces() if nic["private_ip"] == "10.0.1.50")


def scenario(weft):
    weft.up(topology())
    weft.prepare("a", "b", "c", "d")
    before = floating(weft)
    equal((before["instance"], before["description"]), ("", "moves about"), "an available interface")
    check("10.0.1.50" in weft.run("ps"), "ps lists what is available")
    weft.inside("d", "ping", "-c1", "-W1", "10.0.1.50", ok=(1,))

    receiver = weft.start("c", "receive", 5001)
    equal(receiver.line(), "ready", "the receiver")
    sender = weft.start("a", "send", "c", 5001, 256, 4)

    plan = weft.up(topology("b"))
    check("floating" in plan, f"the plan names the interface: {plan}")
    equal(floating(weft)["instance"], "b", "attached")
    equal(weft.inside("b", "cat", "/sys/class/net/eth1/address").strip(), before["mac"], "its MAC in b")
    weft.prepare("b")
    weft.inside("d", "ping", "-c1", "-W2", "10.0.1.50")
    weft.inside("a", "ping", "-c1", "-W2", "10.0.1.50")

    weft.up(topology("d"))
    equal(weft.inside("b", "ls", "/sys/class/net").split(), ["eth0", "lo"], "b without it")
    equal(weft.inside("b", "ip", "rule").count("10.0.1.50"), 0, "and without its rule")
    moved = floating(weft)
    equal({key: moved[key] for key in ("id", "mac", "private_ip", "security_groups", "description")},
          {key: before[key] for key in ("id", "mac", "private_ip", "security_groups", "description")},
          "statement 12: what moves with it")
    weft.inside("a", "ping", "-c1", "-W2", "10.0.1.50")  # whose kernel still knows its MAC, and did nothing for it

    weft.kill_daemon()  # the next daemon takes over the interface that was attached meanwhile
    check("nothing to do" in weft.up(), "after a daemon that died")
    weft.inside("a", "ping", "-c1", "-W2", "10.0.1.50")

    weft.up(topology("d", ", secondary_private_ips: [10.0.1.60, 10.0.1.61]"))
    weft.inside("b", "ping", "-c1", "-W2", "10.0.1.61")
    weft.up(topology("d", ", secondary_private_ips: [10.0.1.60]"))
    weft.inside("b", "ping", "-c1", "-W1", "10.0.1.61", ok=(1,))
    weft.inside("b", "ping", "-c1", "-W2", "10.0.1.60")

    weft.up(topology())
    equal(floating(weft)["instance"], "", "detached")
    equal(weft.inside("d", "ls", "/sys/class/net").split(), ["eth0", "lo"], "d without it")
    weft.inside("b", "ping", "-c1", "-W1", "10.0.1.50", ok=(1,))
    check(sender.process.poll() is None, "the transfer was running all the time")
    sender.say("the rest at once")
    equal(sender.line(60), receiver.line(60), "bytes and digest")

    # A stopped instance takes it too, and has it when it starts.
    weft.run("stop", "b")
    weft.up(topology("b"))
    weft.run("start", "b")
    equal(weft.inside("b", "cat", "/sys/class/net/eth1/address").strip(), before["mac"], "its MAC in b, after the start")
    weft.prepare("b")
    weft.inside("d", "ping", "-c1", "-W2", "10.0.1.50")

    # Statement 11: the primary interface cannot go; terminating an instance leaves the one that is not its own.
    weft.run("terminate", "b")
    equal(floating(weft)["instance"], "", "after its instance was terminated")
    weft.up(topology())


main(scenario, topology())
