"""A reader of pcapng files (draft-ietf-opsawg-pcapng) for scenarios: packets with the interface, direction and comment, which
tcpdump does not print."""
import dataclasses
import struct


@dataclasses.dataclass
class Packet:
    interface: str
    outbound: bool
    data: bytes
    original: int
    comment: str


@dataclasses.dataclass
class Capture:
    interfaces: list
    packets: list
    missed: int = 0
    statistics: int = 0  # blocks of them: there is one for each interface at the end of a whole file


def options_of(data):
    options = {}
    while len(data) >= 4:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            break
        options[code] = data[4:4 + length]
        data = data[4 + (length + 3) // 4 * 4:]
    return options


def read(path):
    data = path.read_bytes()
    capture, at = Capture([], []), 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if length % 4 or length < 12 or data[at + length - 4:at + length] != struct.pack("<I", length):
            raise ValueError(f"the block at {at} is not whole")
        body = data[at + 8:at + length - 4]
        at += length
        if kind == 1:
            capture.interfaces.append(options_of(body[8:])[2].decode())
        elif kind == 5:
            capture.statistics += 1
            capture.missed += struct.unpack("<Q", options_of(body[12:])[5])[0]
        elif kind == 6:
            number, _, _, captured, original = struct.unpack_from("<5I", body)
            options = options_of(body[20 + (captured + 3) // 4 * 4:])
            flags = struct.unpack("<I", options[2])[0]
            capture.packets.append(Packet(capture.interfaces[number], flags & 3 == 2, body[20:20 + captured], original,
                                          options.get(1, b"").decode()))
    return capture
