"""Frames made and read byte by byte: what a kernel would not send by itself, and what came of it."""
import dataclasses
import ipaddress
import struct

BROADCAST = "ff:ff:ff:ff:ff:ff"
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, GRE, ICMPV6 = 1, 6, 17, 47, 58
DONT_FRAGMENT, MORE_FRAGMENTS = 0x4000, 0x2000
SYN, RST, ACK = 2, 4, 16


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(destination, source, ether_type, payload):
    return mac(destination) + mac(source) + struct.pack("!H", ether_type) + payload


def arp(operation, sender_mac, sender, target_mac, target):
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + mac(sender_mac) + ip(sender) + mac(target_mac) + ip(target)


def ipv4(source, destination, protocol, payload, ttl=64, fragment=0, identification=1):
    """`fragment`: flags and offset, as they stand in the header."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), identification, fragment, ttl, protocol, 0)
    header += ip(source) + ip(destination)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(source, destination, protocol, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ip(source) + ip(destination) + payload


def with_checksum(source, destination, protocol, segment, at):
    """TCP, UDP and ICMPv6: the sum also covers the addresses (RFC 8200 8.1)."""
    pseudo = ip(source) + ip(destination) + struct.pack("!IHH", len(segment), 0, protocol)
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment) or 0xFFFF) + segment[at + 2:]


def udp(source, destination, source_port, destination_port, payload=b""):
    segment = struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload
    return with_checksum(source, destination, UDP, segment, 6)


def tcp(source, destination, source_port, destination_port, flags):
    segment = struct.pack("!HHIIBBHHH", source_port, destination_port, 1, 0, 5 << 4, flags, 65535, 0, 0)
    return with_checksum(source, destination, TCP, segment, 16)


def icmp(kind, code=0, rest=b"\0\1\0\1", payload=b""):
    message = struct.pack("!BBH", kind, code, 0) + rest + payload
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


@dataclasses.dataclass
class Frame:
    """What a card received, taken apart as far as it is what it says."""
    data: bytes

    @staticmethod
    def _mac(octets):
        return ":".join(f"{octet:02x}" for octet in octets)

    destination = property(lambda self: self._mac(self.data[:6]))
    source = property(lambda self: self._mac(self.data[6:12]))
    ether_type = property(lambda self: int.from_bytes(self.data[12:14], "big"))
    packet = property(lambda self: self.data[14:])
    is_ipv4 = property(lambda self: self.ether_type == IPV4)
    is_ipv6 = property(lambda self: self.ether_type == IPV6)
    is_arp_reply = property(lambda self: self.ether_type == ARP and self.data[20:22] == b"\0\2")

    @property
    def arp_sender(self):
        return self._mac(self.data[22:28]), str(ipaddress.ip_address(self.data[28:32]))

    @property
    def protocol(self):
        return self.packet[9] if self.is_ipv4 else self.packet[6] if self.is_ipv6 else None

    @property
    def addresses(self):
        octets = self.packet[12:20] if self.is_ipv4 else self.packet[8:40]
        half = len(octets) // 2
        return str(ipaddress.ip_address(octets[:half])), str(ipaddress.ip_address(octets[half:]))

    @property
    def length(self):
        """Of the IP packet, by its header."""
        return int.from_bytes(self.packet[2:4], "big") if self.is_ipv4 else 40 + int.from_bytes(self.packet[4:6], "big")

    @property
    def payload(self):
        """What follows the IP header, without an Ethernet frame's padding."""
        return self.packet[(self.packet[0] & 15) * 4:self.length] if self.is_ipv4 else self.packet[40:self.length]

    @property
    def ports(self):
        return struct.unpack("!HH", self.payload[:4])

    @property
    def icmp(self):
        """Type, code, and the last two bytes of the first eight: the MTU in ICMP 3/4."""
        return self.payload[0], self.payload[1], int.from_bytes(self.payload[6:8], "big")

    def __str__(self):
        text = f"{self.source} > {self.destination} {self.ether_type:04x} {len(self.data)} bytes"
        if self.is_ipv4 or self.is_ipv6:
            text += " {} > {} protocol {}".format(*self.addresses, self.protocol)
        return text
