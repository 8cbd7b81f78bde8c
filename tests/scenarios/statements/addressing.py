#!/usr/bin/env python3
"""Statements 1 to 15 of facts ec2 10: addresses, what the fabric answers, who may speak as whom, attachment, MTU."""
import os
import socket
import struct
import time

import frames
from frames import ARP, BROADCAST, DONT_FRAGMENT, ICMP, ICMPV6, IPV4, SYN, TCP, UDP, ethernet, ipv4, ipv6, udp
from statements import at_most_a_second, check, equal, main, send_all

TOPOLOGY = """\
version: 1
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: "2001:db8:1234:1a00::/56"}
internet_gateway: {addresses: [198.51.100.10, "2001:db8:ffff::10"], public_pool: 203.0.113.0/24}
route_tables:
  - name: public
    main: true
    routes:
      - {destination: 0.0.0.0/0, target: internet_gateway}
      - {destination: "::/0", target: internet_gateway}
      - {destination: 192.0.2.0/24, interface: b/eth0}
subnets:
  - {name: s, cidr: 10.0.0.0/24, ipv6_cidr: "2001:db8:1234:1a00::/64"}
  - {name: t, cidr: 10.0.1.0/24}
security_groups:
  - name: open
    ingress: [{protocol: all, cidr: 0.0.0.0/0}, {protocol: all, cidr: "::/0"}]
  - name: web
    ingress: [{protocol: tcp, port: 80, cidr: 0.0.0.0/0}]
instances:
  - name: a
    type: m5.large
    interfaces:
      - {subnet: s, private_ip: 10.0.0.10, secondary_private_ips: [10.0.0.20], ipv4_prefixes: [10.0.0.160/28], ipv6_addresses: ["2001:db8:1234:1a00::a"], security_groups: [open]}
  - {name: b, interfaces: [{subnet: s, private_ip: 10.0.0.11, security_groups: [open]}]}
  - {name: c, interfaces: [{subnet: s, private_ip: 10.0.0.12, security_groups: [open]}]}
  - {name: d, interfaces: []}
network_interfaces:
  - {name: primary, subnet: s, private_ip: 10.0.0.13, security_groups: [open], instance: d, device_index: 0}
  - {name: service, subnet: s, private_ip: 10.0.0.50, security_groups: [open], description: moves about, instance: b, device_index: 1}
elastic_ips:
  - {name: way-out, address: 203.0.113.10, interface: a/eth0}
  - {name: service, address: 203.0.113.50, interface: service}
"""
LAST_INSTANCE = "  - {name: d, interfaces: []}\n"
SERVICE = "security_groups: [open], description: moves about, instance: b, device_index: 1}"
A, B, C, X, GONE = "10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.20", "10.0.0.99"
A6, INTERNET, INTERNET6 = "2001:db8:1234:1a00::a", "198.51.100.10", "2001:db8:ffff::10"
HEADERS = 28  # IPv4 and UDP
IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2  # <linux/in.h>


def datagram(source, destination, payload=b"hello", port=9):
    return ipv4(source, destination, UDP, udp(source, destination, 40000, port, payload))


def more_instances(vpc, *lines):
    return vpc.edited((LAST_INSTANCE, LAST_INSTANCE + "".join(f"  - {line}\n" for line in lines)))


def statement_01_five_addresses_of_a_subnet_are_nobodys(vpc):
    for last in (0, 1, 2, 3, 255):
        wanted = f"{{name: e, interfaces: [{{subnet: s, private_ip: 10.0.0.{last}}}]}}"
        vpc.refuses(more_instances(vpc, wanted), "InvalidParameterValue", f"10.0.0.{last}", "name: e")
    # Subnet t is empty: a plan can have it full, and one more is too many.
    plan = vpc.weft.run("up", "--dry-run", "-", input=more_instances(vpc, "{name: n, count: 251, interfaces: [{subnet: t}]}"))
    equal(sum(f" 10.0.1.{last} " in plan for last in range(256)), 251, "addresses that were given out")
    equal([last for last in range(256) if f" 10.0.1.{last} " not in plan], [0, 1, 2, 3, 255], "addresses that were not")
    vpc.refuses(more_instances(vpc, "{name: n, count: 252, interfaces: [{subnet: t}]}"),
                "InsufficientFreeAddressesInSubnet", "", "name: n")


def statement_02_arp_is_answered_once_by_the_fabric_and_seen_by_nobody_else(vpc):
    a, b, c = vpc.a.wire(), vpc.b.wire(), vpc.c.wire()
    a.ask_who_has(B)
    answers = [one for one in a.arrived() if one.is_arp_reply and one.arp_sender[1] == B]
    equal([(one.arp_sender[0], one.destination) for one in answers], [(b.mac, a.mac)], "answers about b")
    equal((b.packets(), c.packets()), ([], []), "what b and c saw")
    equal([one for one in b.arrived() + c.arrived() if not one.is_arp_reply], [], "requests that b and c saw")


def statement_03_the_router_has_a_mac_and_an_unowned_address_has_no_delivery(vpc):
    a, b, c = vpc.a.wire(), vpc.b.wire(), vpc.c.wire()
    a.ask_who_has("10.0.0.1")
    answer = a.wait_for(lambda one: one.is_arp_reply and one.arp_sender[1] == "10.0.0.1")
    check(answer.source not in (a.mac, b.mac, c.mac), "the router's MAC is its own")
    a.send_ipv4(datagram(A, B, b"by the router"), destination_mac=answer.source)
    b.wait_for(lambda one: b"by the router" in one.data)
    with vpc.drops_of(vpc.a, "arp-unanswered", 1):
        a.ask_who_has(GONE)
    equal([one for one in a.arrived() if one.is_arp_reply and one.arp_sender[1] == GONE], [], "answers about nobody's address")
    equal([str(one) for one in b.arrived() + c.arrived() if not one.is_arp_reply], [], "what the others saw of the question")


def statement_04_a_frame_with_anothers_mac_is_dropped(vpc):
    a, b = vpc.a.wire(), vpc.b.wire()
    b.arrived()
    with vpc.drops_of(vpc.a, "spoofed-mac", 1):  # once this is counted, so is all that b got before it
        a.send_ipv4(datagram(A, B), source_mac=b.mac)
    before = vpc.received("b")[0]
    for source in (b.mac, "02:de:ad:be:ef:01", vpc.c.wire().mac):
        with vpc.drops_of(vpc.a, "spoofed-mac", 1):
            a.send_ipv4(datagram(A, B), source_mac=source)
    equal(vpc.received("b")[0], before, "b's received packets")
    equal(b.packets(), [], "what b saw")


def statement_05_an_address_that_is_not_the_interfaces_needs_the_check_off(vpc):
    a, b = vpc.a.wire(), vpc.b.wire()
    for own in (A, X, "10.0.0.165"):  # the last one of its prefix
        a.send_ipv4(datagram(own, B, b"own"))
        equal(b.wait_for(lambda one: b"own" in one.data).addresses, (own, B), "what b got")
    for foreign in (C, "10.9.9.9", "10.0.0.176", INTERNET):
        with vpc.drops_of(vpc.a, "spoofed-ip", 1):
            a.send_ipv4(datagram(foreign, B, b"foreign"))
    equal([one for one in b.packets() if b"foreign" in one.data], [], "what b saw of it")
    off = ('ipv6_addresses: ["2001:db8:1234:1a00::a"],', 'ipv6_addresses: ["2001:db8:1234:1a00::a"], source_dest_check: false,')
    vpc.edit(off, ("{name: b, interfaces: [{subnet: s, private_ip: 10.0.0.11, security_groups: [open]",
                   "{name: b, interfaces: [{subnet: s, private_ip: 10.0.0.11, security_groups: [web]"))
    with vpc.drops_of(vpc.a, "group-ingress", 1):  # it is the group that has the say now
        a.send_ipv4(datagram("10.9.9.9", B, b"foreign"))
    a.send_ipv4(ipv4("10.9.9.9", B, TCP, frames.tcp("10.9.9.9", B, 40000, 80, SYN)))
    equal(b.wait_for(lambda one: one.is_ipv4 and one.protocol == TCP).addresses, ("10.9.9.9", B), "with the check off")


def statement_06_what_a_route_leads_to_an_interface_needs_its_check_off(vpc):
    a, b = vpc.a.wire(), vpc.b.wire()
    with vpc.drops_of(vpc.a, "not-for-eni", 1):
        a.send_ipv4(datagram(A, "192.0.2.5", b"routed"))
    equal([one for one in b.packets() if b"routed" in one.data], [], "what b saw with its check on")
    vpc.edit(("private_ip: 10.0.0.11,", "private_ip: 10.0.0.11, source_dest_check: false,"))
    a.send_ipv4(datagram(A, "192.0.2.5", b"routed"))
    equal(b.wait_for(lambda one: b"routed" in one.data).addresses, (A, "192.0.2.5"), "what b got with its check off")


def statement_07_broadcast_and_multicast_reach_nobody(vpc):
    wires = vpc.b.wire(), vpc.c.wire(), vpc.d.wire()
    sender = vpc.a.udp(A, options=[(socket.SOL_SOCKET, socket.SO_BROADCAST, 1),
                                   (socket.IPPROTO_IP, socket.IP_MULTICAST_IF, int.from_bytes(socket.inet_aton(A), "little"))])
    for address in ("255.255.255.255", "10.0.0.255", "224.0.0.1", "224.0.0.251", "239.1.2.3"):
        with vpc.drops_of(vpc.a, "multicast"):
            sender.sendto(b"to everybody", (address, 5353))
        # A frame to b's own MAC, which a switch would carry.
        with vpc.drops_of(vpc.a, "multicast"):
            vpc.a.wire().send_ipv4(datagram(A, address, b"to everybody"), destination_mac=wires[0].mac)
    with vpc.drops_of(vpc.a, "multicast"):  # and the other way round
        vpc.a.wire().send_ipv4(datagram(A, B, b"to everybody"), destination_mac=BROADCAST)
    for wire in wires:
        equal([str(one) for one in wire.packets()], [], f"what {wire.guest.name} saw")


def dhcp_options(message):
    options, at = {}, 240
    while message[at] != 255:
        options[message[at]] = message[at + 2:at + 2 + message[at + 1]]
        at += 2 + message[at + 1]
    return options


def statement_08_dhcp_offers_the_primary_address_and_ec2s_options(vpc):
    a, transaction = vpc.a.wire(), os.urandom(4)
    discover = struct.pack("!BBBB4sHH16x", 1, 1, 6, 0, transaction, 0, 0) + frames.mac(a.mac) + bytes(10 + 192)
    discover += bytes.fromhex("63825363 350101 3706 01 03 06 1a 33 36 ff".replace(" ", ""))
    a.send(ethernet(BROADCAST, a.mac, IPV4, ipv4("0.0.0.0", "255.255.255.255", UDP,
                                                 udp("0.0.0.0", "255.255.255.255", 68, 67, discover))))
    offer = a.wait_for(lambda one: one.is_ipv4 and one.protocol == UDP and one.ports == (67, 68)).payload[8:]
    equal(offer[4:8], transaction, "its transaction")
    equal(socket.inet_ntoa(offer[16:20]), A, "the address: the primary, none of the others")
    options = dhcp_options(offer)
    equal(options[53], b"\2", "DHCPOFFER")
    for code, value in {54: "10.0.0.1", 3: "10.0.0.1", 6: "10.0.0.2", 1: "255.255.255.0"}.items():
        equal(socket.inet_ntoa(options[code]), value, f"DHCP option {code}")
    equal(int.from_bytes(options[26], "big"), 9001, "interface MTU")
    equal(int.from_bytes(options[51], "big"), 3600, "lease time")
    for other in (X, "10.0.0.160"):
        check(socket.inet_aton(other) not in offer, f"nothing says {other}")


def statement_09_a_secondary_address_moves_by_the_api_and_not_by_arp(vpc):
    on_b = ("private_ip: 10.0.0.11,", f"private_ip: 10.0.0.11, secondary_private_ips: [{X}],")
    server = vpc.a.udp(X, 7)
    client = vpc.c.udp()
    client.connect((X, 7))
    client.send(b"first")
    equal(server.recv(100), b"first", "at a")

    vpc.refuses(vpc.edited(on_b), "InvalidParameterValue", f"[{X}] assigned, but move is not allowed.", on_b[1])
    client.send(b"second")
    equal(server.recv(100), b"second", "still at a")

    vpc.edit((f"secondary_private_ips: [{X}], ", ""), on_b)  # AllowReassignment: both sides in one edit
    known = vpc.c.inside("ip", "neigh", "show", X)
    a, b = vpc.a.wire(), vpc.b.wire()
    check(a.mac in known, f"c still has a's MAC for it: {known}")
    moved = vpc.b.udp(X, 7)
    client.send(b"third")
    equal(moved.recv(100), b"third", "the next packet, at b")
    with vpc.drops_of(vpc.a, "spoofed-ip", 2):
        for operation in (1, 2):  # gratuitous ARP in both forms
            a.send(ethernet(BROADCAST, a.mac, ARP, frames.arp(operation, a.mac, X, BROADCAST, X)))
    vpc.c.wire().ask_who_has(X)
    answer = vpc.c.wire().wait_for(lambda one: one.is_arp_reply and one.arp_sender[1] == X)
    equal(answer.arp_sender[0], b.mac, "who has it")
    client.send(b"fourth")
    equal(moved.recv(100), b"fourth", "and at b it stays")
    equal([one for one in a.packets() if b"third" in one.data or b"fourth" in one.data], [], "what a still got")


def statement_10_an_m5_large_has_three_interfaces_of_ten_addresses(vpc):
    interface = "  - {{name: e{0}, subnet: t, security_groups: [open], instance: a, device_index: {0}}}\n"
    at = "elastic_ips:\n"
    three = vpc.edited((at, "".join(map(interface.format, (1, 2))) + at))
    vpc.weft.run("up", "--dry-run", "-", input=three)
    vpc.refuses(vpc.edited((at, interface.format(3) + at), text=three), "AttachmentLimitExceeded",
                "Interface count 4 exceeds the limit", "name: e3")
    ten = ", ".join(f"10.0.0.{20 + i}" for i in range(8))  # beside the primary one and the prefix
    vpc.weft.run("up", "--dry-run", "-", input=vpc.edited((f"[{X}]", f"[{ten}]")))
    eleven = vpc.edited((f"[{X}]", f"[{ten}, 10.0.0.40]"))
    vpc.refuses(eleven, "PrivateIpAddressLimitExceeded", "10", "ipv4_prefixes")
    # Without the prefix there is a place again: it took one.
    vpc.weft.run("up", "--dry-run", "-", input=vpc.edited(("ipv4_prefixes: [10.0.0.160/28], ", ""), text=eleven))


def statement_11_the_primary_stays_and_efa_is_attached_only_at_rest(vpc):
    other = ("{name: d, interfaces: []}", "{name: d, interfaces: [{subnet: s}]}")
    vpc.refuses(vpc.edited(other, (", instance: d, device_index: 0", "")), "OperationNotPermitted",
                "The network interface at device index 0 and networkCard index 0 cannot be detached", "name: d, ")
    efa = "  - {{name: fast, subnet: s, type: efa, security_groups: [open]{}}}\n"
    apart, attached = (vpc.edited(("elastic_ips:\n", efa.format(where) + "elastic_ips:\n"))
                       for where in ("", ", instance: c, device_index: 1"))
    vpc.up(apart)
    vpc.refuses(attached, "OperationNotPermitted", "`weft stop c` first", "name: fast")
    vpc.weft.run("stop", "c")
    vpc.up(attached)
    vpc.weft.run("start", "c")
    vpc.refuses(apart, "OperationNotPermitted", "`weft stop c` first", "name: fast")
    equal([one["type"] for one in (vpc.c.interface(0), vpc.c.interface(1))], ["interface", "efa"], "c's interfaces")
    vpc.weft.run("stop", "c")
    vpc.up(apart)
    vpc.weft.run("start", "c")


def statement_12_an_interface_moves_with_all_that_is_its_own(vpc):
    address, public = "10.0.0.50", "203.0.113.50"

    def what_travels(guest):
        one = guest.interface(1)
        return {key: one[key] for key in ("id", "mac", "private_ip", "security_groups", "description")}

    client, outside = vpc.c.udp(), vpc.internet.udp()
    client.connect((address, 7))
    outside.connect((public, 7))

    def serves(guest, words):
        server = guest.udp(address, 7)
        for each in (client, outside):
            each.send(words)
            data, sender = server.recvfrom(100)
            equal(data, words, f"at {guest.name}")
            server.sendto(b"from " + guest.name.encode(), sender)
            equal(each.recv(100), b"from " + guest.name.encode(), "the answer")

    serves(vpc.b, b"first")
    before, known = what_travels(vpc.b), vpc.c.inside("ip", "neigh", "show", address)
    vpc.edit((SERVICE, SERVICE.replace("instance: b", "instance: d")))
    equal(what_travels(vpc.d), before, "what moves with it")
    equal(vpc.d.mac(1), before["mac"], "its MAC in d")
    serves(vpc.d, b"second")
    equal(vpc.c.inside("ip", "neigh", "show", address).split()[:5], known.split()[:5], "what c knows of it")
    equal(vpc.weft.inside("b", "ls", "/sys/class/net").split(), ["eth0", "lo"], "b without it")


def statement_13_9001_bytes_arrive_whole_and_9002_do_not(vpc):
    a, b = vpc.a.wire(), vpc.b.wire()
    for size in (1501, 9001):
        a.send_ipv4(ipv4(A, B, UDP, udp(A, B, 40000, 9, bytes(size - HEADERS)), fragment=DONT_FRAGMENT))
        equal(b.wait_for(lambda one: one.is_ipv4 and one.protocol == UDP).length, size, "what b got")
    # A kernel with EC2's MTU refuses it; one that has been told another MTU does not.
    always = [(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)]
    sender = vpc.a.udp(A, options=always)
    try:
        sender.sendto(bytes(9002 - HEADERS), (B, 9))
        check(False, "a's kernel sent 9002 bytes")
    except OSError as failure:
        equal(failure.errno, 90, "EMSGSIZE")
    vpc.a.inside("ip", "link", "set", "eth0", "mtu", "9100")
    try:
        with vpc.drops_of(vpc.a, "too-big", 1):
            a.send_ipv4(ipv4(A, B, UDP, udp(A, B, 40000, 9, bytes(9002 - HEADERS)), fragment=DONT_FRAGMENT))
    finally:
        vpc.a.inside("ip", "link", "set", "eth0", "mtu", "9001")
    equal([one.length for one in b.packets() if one.protocol == UDP], [], "what b got of 9002 bytes")


def statement_14_more_than_1500_bytes_do_not_pass_the_gateway_whole(vpc):
    a = vpc.a.wire()
    for size in (1501, 9001):
        with vpc.drops_of(vpc.a, "too-big", 1):
            a.send_ipv4(ipv4(A, INTERNET, UDP, udp(A, INTERNET, 40000, 9, bytes(size - HEADERS)), fragment=DONT_FRAGMENT))
        error = a.wait_for(lambda one: one.is_ipv4 and one.protocol == ICMP and one.payload[0] == 3)
        equal((error.icmp, error.addresses), ((3, 4, 1500), ("10.0.0.1", A)), f"about {size} bytes")
        check(error.payload[8:28][12:20] == frames.ip(A) + frames.ip(INTERNET), "it says which packet")
        with vpc.drops_of(vpc.a, "too-big", 1):
            a.send_ipv6(ipv6(A6, INTERNET6, UDP, udp(A6, INTERNET6, 40000, 9, bytes(size - 48))))
        error = a.wait_for(lambda one: one.is_ipv6 and one.protocol == ICMPV6 and one.payload[0] == 2)
        equal(error.icmp, (2, 0, 1500), f"about {size} bytes of IPv6")
    # With DF clear it is cut, and its end puts it together again.
    server, wire = vpc.internet.udp(INTERNET, 7), vpc.internet.wire()
    body = os.urandom(9001 - HEADERS)
    a.send_ipv4(ipv4(A, INTERNET, UDP, udp(A, INTERNET, 40000, 7, body)))
    equal(server.recv(65536) == body, True, "9001 bytes in pieces")
    pieces = []
    while sum(len(piece.payload) for piece in pieces) < 9001 - 20:
        pieces.append(wire.wait_for(lambda one: one.is_ipv4 and one.protocol == UDP))
    check(max(piece.length for piece in pieces) <= 1500, f"no piece is longer than 1500: {[piece.length for piece in pieces]}")
    equal(len(pieces), 7, "pieces")


def dns_query(number):
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + b"\1b\3ec2\x08internal\0\0\1\0\1"


def statement_15_the_resolver_takes_1024_packets_a_second(vpc):
    # No group and no ACL has a say: a may send nothing to anybody, and nothing may leave or enter its subnet.
    vpc.edit(("security_groups:\n", "network_acls: [{name: nothing}]\nsecurity_groups:\n  - {name: mute, egress: []}\n"),
             ("cidr: 10.0.0.0/24,", "cidr: 10.0.0.0/24, network_acl: nothing,"),
             ('"2001:db8:1234:1a00::a"], security_groups: [open]', '"2001:db8:1234:1a00::a"], security_groups: [mute]'))
    reason, counter = "linklocal-allowance", "linklocal_allowance_exceeded"
    client = vpc.a.udp(A)
    client.connect(("10.0.0.2", 53))
    client.setblocking(False)

    def attempt(total):
        answered, queries = [0], [dns_query(number) for number in range(total)]
        vpc.start_account(vpc.a, reason)
        before = vpc.ena(vpc.a)

        def send(query):
            client.send(query)
            take_answers(client, answered)

        send_all(send, queries)
        passed, dropped = vpc.account(vpc.a, total, reason, lambda: take_answers(client, answered))
        equal(vpc.ena(vpc.a), before | {counter: before[counter] + dropped}, "ENA's counters")
        return passed, dropped

    at_most_a_second(1024, attempt)


def take_answers(client, answered):
    """How many there have been up to now."""
    while True:
        try:
            client.recv(512)
        except BlockingIOError:
            return answered[0]
        answered[0] += 1


main(TOPOLOGY)
