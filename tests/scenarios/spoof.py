#!/usr/bin/env python3
"""A guest cannot speak with another's MAC or address, nor what a VPC does not carry; each drop names its reason."""
import socket
import struct

from topologies import OPEN_PAIR
from weft_counters import NOTHING, arp, delivered, dropped
from weft_scenario import equal, main

OTHER_MAC = "02deadbeef01"


def ipv4(source, destination, protocol=17, payload=b"\0\x09\0\x09\0\x08\0\0", total_length=None, fragment=0):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, total_length or 20 + len(payload), 1, fragment, 64, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return header[:10] + struct.pack("!H", checksum) + header[12:] + payload


def frame(destination_mac, source_mac, ether_type, payload):
    return destination_mac + source_mac + f"{ether_type:04x}" + payload.hex()


def arp_request(sender_mac, sender, target):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, bytes.fromhex(sender_mac), socket.inet_aton(sender),
                       bytes(6), socket.inet_aton(target))


def scenario(weft):
    weft.up()
    weft.prepare("a", "b")
    mac = {i["name"]: i["interfaces"][0]["mac"].replace(":", "") for i in weft.ask("ps")}
    a, b = mac["a"], mac["b"]
    good = ipv4("10.0.1.10", "10.0.1.11")
    size = 14 + len(good)

    with weft.step(arp("a", "b") + delivered("a", "b", 1, 98) + delivered("b", "a", 1, 98)):
        weft.inside("a", "ping", "-c1", "-W2", "b")
    with weft.step(delivered("a", "b", 1, size) + delivered("b", "a", 1, 14 + 20 + 8 + 28)):  # port unreachable
        weft.guest("a", "frames", frame(b, a, 0x0800, good))

    for reason, bad in {
        "spoofed-mac": frame(b, OTHER_MAC, 0x0800, good),
        "spoofed-ip": frame(b, a, 0x0800, ipv4("10.0.1.12", "10.0.1.11")),
        "unknown-ethertype": frame(b, a, 0x88CC, bytes(60)),
        "multicast": frame("01005e000001", a, 0x0800, ipv4("10.0.1.10", "224.0.0.1")),
        "malformed": frame(b, a, 0x0800, ipv4("10.0.1.10", "10.0.1.11", total_length=2000)),
    }.items():
        with weft.step(dropped("a", reason, len(bad) // 2)):
            weft.guest("a", "frames", bad)
        newest = weft.ask("flows", "--drops")[0]
        equal((newest["reason"], newest["source"]["instance"]), (reason, "a"), "the newest drop")

    # ARP lies too: another's MAC or address as the sender.
    for reason, payload in {"spoofed-mac": arp_request(OTHER_MAC, "10.0.1.10", "10.0.1.1"),
                            "spoofed-ip": arp_request(a, "10.0.1.11", "10.0.1.1")}.items():
        with weft.step(dropped("a", reason, 42)):
            weft.guest("a", "frames", frame("ffffffffffff", a, 0x0806, payload))

    with weft.step(NOTHING):
        pass
    with weft.step(delivered("a", "b", 1, 98) + delivered("b", "a", 1, 98)):
        weft.inside("a", "ping", "-c1", "-W2", "b")


main(scenario, OPEN_PAIR)
