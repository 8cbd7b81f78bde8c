#!/usr/bin/env python3
"""Statements 16 to 28 of facts ec2 10: security groups, what is tracked and for how long, network ACLs, quotas."""
import socket
import threading
import time

import frames
from frames import GRE, ICMP, SYN, TCP, icmp, ipv4
from statements import check, equal, main

# a talks, b listens; c is in another subnet. quick and slow are for what has to wait.
TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16}
internet_gateway: true
route_tables:
  - {name: public, main: true, routes: [{destination: 0.0.0.0/0, target: internet_gateway}]}
network_acls:
  - name: front
    ingress: [{rule: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}]
    egress: [{rule: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}]
subnets:
  - {name: s, cidr: 10.0.0.0/24, network_acl: front}
  - {name: other, cidr: 10.0.1.0/24}
security_groups:
  - name: sgA
  - name: sgB
    ingress: []
    egress: []
  - name: patient
    ingress: [{protocol: udp, ports: 1-1000, cidr: 10.0.0.0/24}]
    egress: []
instances:
  - {name: a, interfaces: [{subnet: s, private_ip: 10.0.0.10, security_groups: [sgA]}]}
  - {name: b, interfaces: [{subnet: s, private_ip: 10.0.0.11, security_groups: [sgB]}]}
  - {name: c, interfaces: [{subnet: other, private_ip: 10.0.1.12, security_groups: [sgA]}]}
  - {name: quick, interfaces: [{subnet: s, private_ip: 10.0.0.20, security_groups: [sgA]}]}
  - {name: slow, interfaces: [{subnet: s, private_ip: 10.0.0.21, security_groups: [patient]}]}
elastic_ips:
  - {name: front-a, address: 203.0.113.10, interface: a}
  - {name: front-b, address: 203.0.113.11, interface: b}
"""
A, B, C, QUICK, SLOW = "10.0.0.10", "10.0.0.11", "10.0.1.12", "10.0.0.20", "10.0.0.21"
PUBLIC_B = "203.0.113.11"
ALL_OUT = "[{protocol: all, cidr: 0.0.0.0/0}]"


def group_b(ingress, egress="[]"):
    """What sgB becomes."""
    return "  - name: sgB\n    ingress: []\n    egress: []\n", f"  - name: sgB\n    ingress: {ingress}\n    egress: {egress}\n"


def in_groups(guest, *groups):
    last = {"a": "10", "b": "11"}[guest]
    mine = {"a": "sgA", "b": "sgB"}[guest]
    has = f"private_ip: 10.0.0.{last}, security_groups: "
    return has + f"[{mine}]", has + f"[{', '.join(groups)}]"


def talks(client, server, words=b"words"):
    """Both ways over a connection that is there."""
    client.sendall(words)
    equal(server.recv(100), words, "what the server got")
    server.sendall(words[::-1])
    equal(client.recv(100), words[::-1], "what the client got")


def got_nothing(one, what):
    """Up to now; that the fabric is done with it is another counter's word."""
    one.setblocking(False)
    try:
        check(False, f"{what}: {one.recv(100)} arrived")
    except BlockingIOError:
        pass


def connected(vpc, client, listener, address, port):
    one = client.connect(address, port)
    other, _ = listener.accept()
    other.settimeout(20)
    vpc.b.open.append(other)
    return one, other


def cannot_connect(vpc, guest, address, port, reason, counted_at=None):
    with vpc.drops_of(counted_at or guest, reason):
        client = guest.knock(address, port)
    client.close()  # or its kernel would try again, amid what follows


def flow_of(vpc, client):
    """What `weft flows` says about the flow of this socket."""
    address, port = client.getsockname()
    found = [one for one in vpc.weft.ask("flows")
             if (one["tuple"]["source"], one["tuple"].get("source_port")) == (address, port)]
    equal(len(found), 1, f"flows from {address} port {port}")
    return found[0]


def statement_16_without_an_inbound_rule_a_syn_meets_silence(vpc):
    a, b = vpc.a.wire(), vpc.b.wire()
    with vpc.drops_of(vpc.a, "group-ingress", 1):
        a.send_ipv4(ipv4(A, B, TCP, frames.tcp(A, B, 40000, 80, SYN)))
    equal([str(one) for one in b.packets()], [], "what b got")
    equal([str(one) for one in a.packets()], [], "what a got: neither RST nor ICMP")


def statement_17_answers_need_no_outbound_rule_and_new_connections_do(vpc):
    vpc.edit(group_b("[{protocol: tcp, port: 80, cidr: 10.0.0.0/24}]"))
    listener = vpc.b.listen(80)
    client, server = connected(vpc, vpc.a, listener, B, 80)
    talks(client, server)
    vpc.a.listen(81)
    cannot_connect(vpc, vpc.b, A, 81, "group-egress")
    equal([str(one) for one in vpc.a.wire().packets()], [], "what a got of b's own connection")


def statement_18_a_group_as_source_means_private_addresses_of_its_members(vpc):
    vpc.edit(group_b("[{protocol: tcp, port: 80, group: sgA}]"))
    listener = vpc.b.listen(80)
    talks(*connected(vpc, vpc.a, listener, B, 80))
    # Round by the gateway a's address is its public one, and no member of anything.
    cannot_connect(vpc, vpc.a, PUBLIC_B, 80, "group-ingress", counted_at=vpc.internet)
    vpc.edit(group_b("[{protocol: tcp, port: 80, group: sgA}]"), ("  - name: sgA\n", "  - name: sgA\n  - name: sgC\n"),
             in_groups("a", "sgC"))
    cannot_connect(vpc, vpc.a, B, 80, "group-ingress")


def statement_19_members_of_one_group_need_a_rule_of_its_own_to_talk(vpc):
    shared = in_groups("a", "sgB")
    vpc.edit(group_b("[]", ALL_OUT), shared)
    with vpc.drops_of(vpc.a, "group-ingress", 1):
        vpc.a.inside("ping", "-c1", "-W1", B, ok=(1,))
    vpc.edit(group_b("[{protocol: all, group: self}]", ALL_OUT), shared)
    vpc.a.inside("ping", "-c1", "-W10", B)


def statement_20_a_tracked_flow_survives_its_rule_and_an_untracked_one_does_not(vpc):
    vpc.edit(group_b("[{protocol: tcp, port: 80, cidr: 10.0.0.0/24}]"))
    client, server = connected(vpc, vpc.a, vpc.b.listen(80), B, 80)
    talks(client, server)
    equal(flow_of(vpc, client)["responder"]["tracked"], True, "tracked at b")
    vpc.edit(group_b("[]"))
    talks(client, server)
    cannot_connect(vpc, vpc.a, B, 80, "group-ingress")
    talks(client, server)
    client.close()

    vpc.edit(group_b("[{protocol: tcp, port: 81, cidr: 0.0.0.0/0}]", ALL_OUT))
    client, server = connected(vpc, vpc.a, vpc.b.listen(81), B, 81)
    talks(client, server)
    equal(flow_of(vpc, client)["responder"]["tracked"], False, "tracked at b")
    vpc.edit(group_b("[]", ALL_OUT))
    with vpc.drops_of(vpc.a, "group-ingress"):
        client.sendall(b"the next packet")
    equal([one for one in vpc.b.wire().packets() if b"the next packet" in one.data], [], "what b got of it")


def statement_21_an_established_connection_is_forgotten_after_its_time_out(vpc):
    """60 s are the least that EC2 allows, too long for here: what is shown is the clock that the ring test turns."""
    ingress = group_b("[{protocol: tcp, port: 80, cidr: 10.0.0.0/24}]")
    timeout = ("private_ip: 10.0.0.11, ", "private_ip: 10.0.0.11, connection_tracking: {tcp_established_timeout: 60}, ")
    short = ("private_ip: 10.0.0.11, ", "private_ip: 10.0.0.11, connection_tracking: {tcp_established_timeout: 59}, ")
    vpc.refuses(vpc.edited(short), "InvalidParameterValue", "60", "tcp_established_timeout")
    vpc.edit(ingress, timeout)
    client, server = connected(vpc, vpc.a, vpc.b.listen(80), B, 80)
    talks(client, server)
    equal(flow_of(vpc, client)["state"], "tcp-established", "state")
    time.sleep(2.5)
    idle = flow_of(vpc, client)["idle_ms"]
    check(2000 <= idle, f"idle for {idle} ms after 2.5 s without a packet")
    server.sendall(b"alive")  # of an end without an outbound rule
    equal(client.recv(100), b"alive", "what passes by the flow")
    again = flow_of(vpc, client)["idle_ms"]
    check(again < idle, f"the timer began anew: {again} ms")


def statement_22_udp_answers_pass_for_30_seconds_and_in_a_stream_for_180(vpc):
    vpc.kept |= {"quick", "slow"}
    servers = {port: vpc.slow.udp(SLOW, port) for port in (29, 31, 180)}
    clients = {}
    peer = {}
    for port, server in servers.items():
        clients[port] = vpc.quick.udp(QUICK)
        clients[port].connect((SLOW, port))
        clients[port].send(b"request")
        _, peer[port] = server.recvfrom(100)
    equal(flow_of(vpc, clients[29])["state"], "udp-single", "one direction")
    for number in range(2):
        servers[180].sendto(b"response", peer[180])
        equal(clients[180].recv(100), b"response", "a response at once")
        clients[180].send(b"request %d" % number)
        servers[180].recv(100)
    equal(flow_of(vpc, clients[180])["state"], "udp-stream", "after more than one pair")
    began = time.monotonic()

    timer = threading.Timer(27, servers[29].sendto, (b"in time", peer[29]))
    timer.daemon = True
    timer.start()
    yield began + 33
    equal(clients[29].recv(100), b"in time", "a response after 27 s")
    before = vpc.drops().get(("slow", "group-egress"), 0)
    servers[31].sendto(b"too late", peer[31])
    servers[180].sendto(b"a stream", peer[180])
    equal(clients[180].recv(100), b"a stream", "a response in a stream, after 33 s")
    deadline = time.monotonic() + 20
    while vpc.drops().get(("slow", "group-egress"), 0) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    equal(vpc.drops().get(("slow", "group-egress"), 0), before + 1, "the response after 33 s was dropped")
    got_nothing(clients[31], "the late response")


def statement_23_other_protocols_have_no_ports_and_answers_pass(vpc):
    vpc.refuses(vpc.edited(group_b("[{protocol: 47, port: 1, cidr: 10.0.0.0/24}]")), "InvalidParameterCombination", "port",
                "{protocol: 47, port: 1")  # EC2 takes a port here and ignores it; a file that says one is mistaken
    vpc.edit(group_b("[{protocol: 47, cidr: 10.0.0.0/24}]"))
    a, b = (guest.socket(socket.AF_INET, socket.SOCK_RAW, GRE) for guest in (vpc.a, vpc.b))
    header = b"\0\0\x08\0"
    for _ in range(2):
        a.sendto(header + b"request", (B, 0))
        equal(b.recv(100)[20:], header + b"request", "GRE at b")
    b.sendto(header + b"response", (A, 0))
    equal(a.recv(100)[20:], header + b"response", "GRE back, without an outbound rule")
    mine = [one for one in vpc.weft.ask("flows") if one["tuple"]["protocol"] == "47"]
    equal([(one["responder"]["tracked"], one["state"]) for one in mine], [(True, "other")], "the flow, whose time-out is 600 s")
    with vpc.drops_of(vpc.b, "group-egress", 1):  # of another protocol
        vpc.b.socket(socket.AF_INET, socket.SOCK_RAW, 48).sendto(b"response", (A, 0))


def statement_24_icmp_rules_are_about_type_and_code_and_icmp_is_tracked(vpc):
    vpc.edit(group_b("[{protocol: icmp, type: 8, code: -1, cidr: 10.0.0.0/24}]"))
    a, b = vpc.a.wire(), vpc.b.wire()
    for code in (0, 7):
        a.send_ipv4(ipv4(A, B, ICMP, icmp(8, code, rest=b"\1%c\0\1" % code, payload=b"asked")))
        equal(b.wait_for(lambda one: b"asked" in one.data).icmp[:2], (8, code), "what b got")
    equal(a.wait_for(lambda one: b"asked" in one.data).icmp[:2], (0, 0), "the answer of b's kernel")
    with vpc.drops_of(vpc.a, "group-ingress", 1):
        a.send_ipv4(ipv4(A, B, ICMP, icmp(13, rest=b"\2\0\0\1", payload=bytes(12))))
    vpc.edit(group_b(ALL_OUT, ALL_OUT))
    vpc.a.inside("ping", "-c1", "-W10", "-e", "7", B)
    equal([(one["initiator"]["tracked"], one["responder"]["tracked"]) for one in vpc.weft.ask("flows")
           if one["tuple"]["destination"] == B and one["state"] == "icmp"][-1], (True, True), "tracked with rules for all")


def statement_25_an_instance_tracks_so_many_connections_and_no_more(vpc):
    """b may track three; what is open to all and needs no state is not counted."""
    vpc.edit(group_b("[{protocol: udp, ports: 1-100, cidr: 10.0.0.0/24}, {protocol: udp, port: 200, cidr: 0.0.0.0/0}]", ALL_OUT),
             ("{name: b, ", "{name: b, limits: {connections: 3}, "))
    client, servers = vpc.a.udp(A), {port: vpc.b.udp(B, port) for port in (1, 2, 3, 4, 200)}
    for port in (1, 2, 3):
        client.sendto(b"tracked", (B, port))
        equal(servers[port].recv(100), b"tracked", f"flow {port} of three")
    equal(vpc.ena(vpc.b)["conntrack_allowance_available"], 0, "b's connections left")
    with vpc.drops_of(vpc.a, "conntrack-allowance", 1):
        client.sendto(b"one too many", (B, 4))
    exceeded = [vpc.ena(guest)["conntrack_allowance_exceeded"] for guest in (vpc.a, vpc.b)]
    equal(exceeded, [0, 1], "connections too many for a and for b")
    client.sendto(b"untracked", (B, 200))
    equal(servers[200].recv(100), b"untracked", "a flow that needs no entry")
    client.sendto(b"again", (B, 1))
    equal(servers[1].recv(100), b"again", "a flow that has one")
    got_nothing(servers[4], "b, of the connection too many")


def statement_26_several_groups_are_a_union(vpc):
    vpc.edit(group_b("[{protocol: tcp, port: 22, cidr: 10.0.0.5/32}]"), in_groups("b", "sgB", "web"),
             ("  - name: sgA\n", "  - name: sgA\n  - name: web\n    ingress: [{protocol: tcp, port: 443, cidr: 0.0.0.0/0}]\n"))
    talks(*connected(vpc, vpc.a, vpc.b.listen(443), B, 443))
    vpc.b.listen(22)
    cannot_connect(vpc, vpc.a, B, 22, "group-ingress")


def statement_27_an_acl_is_at_the_subnets_edge_and_has_no_state(vpc):
    deny = ("    ingress: [{rule: 100,",
            "    ingress: [{rule: 90, action: deny, protocol: tcp, port: 80, cidr: 0.0.0.0/0}, {rule: 100,")
    open_b = group_b(ALL_OUT, ALL_OUT)
    vpc.edit(open_b, deny)
    listener = vpc.b.listen(80)
    cannot_connect(vpc, vpc.c, B, 80, "acl-ingress")
    talks(*connected(vpc, vpc.a, listener, B, 80))  # inside the subnet
    no_ephemeral = ("    egress: [{rule: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}]",
                    "    egress: [{rule: 100, action: allow, protocol: tcp, port: 80, cidr: 0.0.0.0/0}]")
    vpc.edit(open_b, no_ephemeral)
    wire = vpc.b.wire()
    with vpc.drops_of(vpc.b, "acl-egress"):  # b's SYN-ACK, which it sends again after a second
        vpc.c.knock(B, 80)
        wire.wait_for(lambda one: one.is_ipv4 and one.protocol == TCP and one.addresses == (C, B))
    equal([str(one) for one in vpc.c.wire().packets()], [], "what c got")


def rules(family, count):
    everybody = {4: "0.0.0.0/0", 6: '"::/0"'}[family]
    return [f"{{protocol: tcp, port: {1000 + i}, cidr: {everybody}}}" for i in range(count)]


def statement_28_sixty_rules_of_each_family_and_none_twice(vpc):
    vpc.refuses(vpc.edited(group_b("[" + ", ".join(rules(4, 61)) + "]")), "RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached", "port: 1060")
    vpc.edit(group_b("[" + ", ".join(rules(4, 60) + rules(6, 60)) + "]"))
    equal(vpc.weft.ask("explain", "a", "b", "tcp", 1059)["allowed"], True, "the sixtieth")
    vpc.reset()
    twice = "[{protocol: tcp, port: 22, cidr: 100.68.0.18/18},\n      {protocol: tcp, port: 22, cidr: 100.68.0.0/18}]"
    vpc.refuses(vpc.edited(group_b(twice)), "InvalidPermission.Duplicate", "the rule is the same as rule 0", "cidr: 100.68.0.0/18")


main(TOPOLOGY)
