#!/usr/bin/env python3
"""Statements 29 to 33 of facts ec2 10: Elastic IPs and public addresses, single flows, placement groups."""
import time

from statements import check, equal, main

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
internet_gateway: {addresses: [198.51.100.10], public_pool: 203.0.113.0/24}
route_tables:
  - {name: public, main: true, routes: [{destination: 0.0.0.0/0, target: internet_gateway}]}
subnets:
  - {name: s, cidr: 10.0.0.0/24, az: use1-az1}
  - {name: far, cidr: 10.0.2.0/24, az: use1-az2}
security_groups:
  - name: web
    ingress: [{protocol: udp, port: 7, cidr: 198.51.100.10/32}]
  - name: open
    ingress: [{protocol: all, cidr: 0.0.0.0/0}]
placement_groups:
  - {name: tight, strategy: cluster}
instances:
  - {name: a, interfaces: [{subnet: s, private_ip: 10.0.0.10, security_groups: [web]}]}
  - {name: b, interfaces: [{subnet: s, private_ip: 10.0.0.11, security_groups: [web]}]}
  - {name: auto, interfaces: [{subnet: s, private_ip: 10.0.0.12, security_groups: [web], associate_public_ip: true}]}
  - {name: fast, placement_group: tight, limits: {flow_gbps: 0.02}, interfaces: [{subnet: s, private_ip: 10.0.0.20, security_groups: [open]}]}
  - {name: sink, placement_group: tight, interfaces: [{subnet: s, private_ip: 10.0.0.21, security_groups: [open]}]}
elastic_ips:
  - {name: e, address: 203.0.113.77, interface: a}
"""
A, E, INTERNET = "10.0.0.10", "203.0.113.77", "198.51.100.10"
LAST = TOPOLOGY[TOPOLOGY.index("  - {name: e, "):]


def answers_at(guest, client, public):
    """Who is behind this public address answers the internet, and the answer comes from that address and port."""
    server = guest.udp(port=7)
    client.sendto(b"question", (public, 7))
    words, sender = server.recvfrom(100)
    equal((words, sender), (b"question", (INTERNET, 5555)), f"what {guest.name} got")
    server.sendto(b"answer", sender)
    equal(client.recvfrom(100), (b"answer", (public, 7)), "what the internet got")
    server.close()


def statement_29_an_elastic_ip_is_one_address_outside_and_another_inside(vpc):
    client, wire = vpc.internet.udp(INTERNET, 5555), vpc.a.wire()
    answers_at(vpc.a, client, E)
    equal(wire.wait_for(lambda one: b"question" in one.data).addresses, (INTERNET, A), "on a's wire")
    with vpc.drops_of(vpc.internet, "group-ingress", 1):  # port 8 has no rule
        client.sendto(b"question", (E, 8))
    newest = vpc.weft.ask("flows", "--drops")[0]["tuple"]
    equal((newest["source"], newest["destination"], newest["destination_port"]), (INTERNET, A, 8), "what the rules saw")


def statement_30_an_elastic_ip_moves_unless_it_is_told_not_to(vpc):
    moved = LAST.replace("interface: a", "interface: b")
    vpc.refuses(vpc.edited((LAST, moved.replace("}", ", allow_reassociation: false}"))), "Resource.AlreadyAssociated",
                "is already associated with", "name: e, ")
    client = vpc.internet.udp(INTERNET, 5555)
    answers_at(vpc.a, client, E)
    vpc.edit((LAST, moved))
    answers_at(vpc.b, client, E)
    more = "".join(f"  - {{name: e{number}}}\n" for number in range(2, 7))
    vpc.refuses(vpc.edited((LAST, moved + more)), "AddressLimitExceeded", "The maximum number of addresses has been reached",
                "name: e6")


def statement_31_a_public_address_changes_over_stop_and_start(vpc):
    def stays(one):
        return one["id"], one["mac"], one["private_ip"]

    before, client = vpc.auto.interface(), vpc.internet.udp(INTERNET, 5555)
    answers_at(vpc.auto, client, before["public_ip"])
    vpc.auto.end()
    vpc.a.end()
    vpc.weft.run("stop", "auto", "a")
    vpc.weft.run("start", "auto", "a")
    after = vpc.auto.interface()
    equal(stays(after), stays(before), "what stays")
    check(after["public_ip"] not in (None, before["public_ip"]), f"{before['public_ip']} is another address now")
    answers_at(vpc.auto, client, after["public_ip"])
    answers_at(vpc.a, client, E)

    vpc.auto.end()
    vpc.weft.run("stop", "auto")
    vpc.edit((LAST, "  - {name: e, address: 203.0.113.77, interface: a}\nnetwork_interfaces:\n"
                    "  - {name: second, subnet: s, security_groups: [web], instance: auto, device_index: 1}\n"))
    vpc.weft.run("start", "auto")
    equal((vpc.auto.interface()["public_ip"], len(vpc.weft.ask("ps")[2]["interfaces"])), (None, 2), "with two interfaces")


def statement_32_one_flow_has_a_bandwidth_of_its_own(vpc):
    """5 and 10 Gbps are more than this machine has: here a flow of one instance is limited to 20 Mbps in their place."""
    for group, gbps in ("", 5), ("placement_group: tight, ", 10):
        typed = f"  - {{name: typed, type: c5n.9xlarge, {group}interfaces: [{{subnet: s}}]}}\n"
        plan = vpc.weft.run("up", "--dry-run", "-", input=vpc.edited(("  - {name: fast,", typed + "  - {name: fast,")))
        check(f" {gbps} Gbit/s a flow" in plan, f"what the type says about one flow: {plan}")
    client, reason, total, size = vpc.fast.udp(), "flow-bandwidth", 1500, 8972
    client.connect(("10.0.0.21", 9))
    vpc.sink.udp(port=9)  # so that its kernel has nothing to answer
    vpc.start_account(vpc.fast, reason)
    packets_before, bytes_before = vpc.received("sink")
    began = time.monotonic()
    for number in range(total):
        client.send(bytes(size))
        if number % 20 == 19:
            time.sleep(0.002)
    _, dropped = vpc.account(vpc.fast, total, reason, lambda: vpc.received("sink")[0] - packets_before)
    took = time.monotonic() - began
    passed = vpc.received("sink")[1] - bytes_before
    check(dropped > 0 and passed >= 65536, f"{passed} bytes passed, {dropped} packets did not")
    check(passed <= 20e6 / 8 * took + 65536 + size + 42, f"{passed} bytes in {took:.2f} s are more than 20 Mbps and a burst")


def statement_33_placement_groups_have_limits(vpc):
    last = "  - {name: fast,"
    groups = ("placement_groups:\n", "placement_groups:\n  - {name: apart, strategy: spread}\n")
    seven = "  - {name: n, count: 7, placement_group: apart, interfaces: [{subnet: s}]}\n"
    vpc.edit(groups, (last, seven + last))
    spread = [one for one in vpc.weft.ask("ps") if one["placement_group"] == "apart"]
    equal(len({one["placement"]["rack"] for one in spread}), 7, "racks of seven instances")
    eighth = "  - {name: eighth, placement_group: apart, interfaces: [{subnet: %s}]}\n"
    vpc.refuses(vpc.edited(groups, (last, seven + eighth % "s" + last)), "InsufficientInstanceCapacity",
                "at most 7 in a zone", "name: eighth")
    vpc.edit(groups, (last, seven + eighth % "far" + last))
    vpc.weft.run("stop", "n-3")  # seven *running* ones
    vpc.edit(groups, (last, seven + eighth % "s" + last))
    vpc.weft.run("start", "n-3", ok=(2,))
    check("[InsufficientInstanceCapacity]" in vpc.weft.stderr, f"the seventh and an eighth: {vpc.weft.stderr}")
    vpc.reset()
    vpc.refuses(vpc.edited(("strategy: cluster}", "strategy: cluster}\n  - {name: p, strategy: partition, partition_count: 8}")),
                "InvalidParameterValue", "7", "partition_count: 8")
    vpc.refuses(vpc.edited((last, "  - {name: burst, type: t3.micro, placement_group: tight, interfaces: [{subnet: s}]}\n" + last)),
                "InvalidParameterCombination", "Placement groups may not be used with instances of type 't3.micro'", "name: burst")


main(TOPOLOGY)
