"""Counters as flat dictionaries, and expectations about how they change.

Expectations are added up from what happens to frames; each names the same frame at every counter that it touches, the
sender's, the receiver's and the engine's balance, so a step lists frames and not dozens of numbers.
"""
import collections

ARP_BYTES = 42  # Ethernet 14 + ARP 28; a TAP does not pad


def flatten(statistics):
    """{"a tx_packets": 3, "a drops.spoofed-ip": 1, "engine received": 7, ...}; the workers' clocks are left out."""
    flat = {}
    seen = collections.Counter()
    for interface in statistics["interfaces"]:
        name = interface["instance"]
        seen[name] += 1
        if seen[name] > 1:
            name += f"/{seen[name] - 1}"
        for key, value in interface.items():
            if key in ("eni", "instance"):
                continue
            if isinstance(value, dict):
                # What is left of an allowance is a level, no counter: it moves with every flow that comes or ages.
                flat.update({f"{name} {key}.{inner}": number for inner, number in value.items()
                             if inner != "conntrack_allowance_available"})
            else:
                flat[f"{name} {key}"] = value
    for key, value in statistics["balance"].items():
        if key != "holds":
            flat[f"engine {key}"] = value
    return flat


def difference(before, after):
    """What changed; a counter that is gone counts as changed too."""
    changed = {}
    for key in before.keys() | after.keys():
        if key not in after:
            changed[key] = "gone"
        elif after[key] != before.get(key, 0):
            changed[key] = after[key] - before.get(key, 0)
    return changed


class Expectation:
    def __init__(self, exact=None, exchanges=()):
        self.exact = collections.Counter(exact or {})
        self.exchanges = tuple(exchanges)

    def __add__(self, other):
        total = collections.Counter(self.exact)
        total.update(other.exact)
        return Expectation(total, self.exchanges + other.exchanges)

    def __mul__(self, times):
        return Expectation({key: value * times for key, value in self.exact.items()}, self.exchanges)

    def matches(self, changed):
        return not self.unexplained(changed)

    def unexplained(self, changed):
        """What is left of the change when everything expected is taken away; empty: all as listed."""
        rest = dict(changed)
        for key, value in self.exact.items():
            rest[key] = rest.get(key, 0) - value if rest.get(key) != "gone" else "gone"
        for one, other in self.exchanges:
            self._take_exchange(rest, one, other)
        return {key: value for key, value in rest.items() if value != 0}

    @staticmethod
    def _take_exchange(rest, one, other):
        """However many frames, at least one each way, none lost: what one side sent is what the other received."""
        for sender, receiver in ((one, other), (other, one)):
            packets, size = rest.get(f"{sender} tx_packets", 0), rest.get(f"{sender} tx_bytes", 0)
            if not isinstance(packets, int) or packets < 1:
                continue
            if rest.get(f"{receiver} rx_packets") != packets or rest.get(f"{receiver} rx_bytes") != size:
                continue
            for key in (f"{sender} tx_packets", f"{receiver} rx_packets", "engine received", "engine delivered"):
                rest[key] = rest.get(key, 0) - packets
            for key in (f"{sender} tx_bytes", f"{receiver} rx_bytes"):
                rest[key] -= size


def explain_difference(expected, changed):
    lines = []
    for key, value in sorted(expected.unexplained(changed).items()):
        wanted = expected.exact.get(key, 0)
        lines.append(f"    {key}: changed by {changed.get(key, 0)}, listed {wanted}")
    for one, other in expected.exchanges:
        lines.append(f"    (and any number of frames between {one} and {other}, equal at both ends)")
    return "\n".join(lines)


NOTHING = Expectation()


def delivered(source, destination, packets, size):
    """Frames of `size` bytes each that go from one instance to the other."""
    return Expectation({f"{source} tx_packets": packets, f"{source} tx_bytes": packets * size,
                        f"{destination} rx_packets": packets, f"{destination} rx_bytes": packets * size,
                        "engine received": packets, "engine delivered": packets})


def answered(instance, size, packets=1):
    """Frames that the fabric takes and answers with one of the same size: ARP, ping to the router."""
    return Expectation({f"{instance} tx_packets": packets, f"{instance} tx_bytes": packets * size,
                        f"{instance} rx_packets": packets, f"{instance} rx_bytes": packets * size,
                        f"{instance} consumed": packets, f"{instance} originated": packets,
                        "engine received": packets, "engine consumed": packets,
                        "engine originated": packets, "engine delivered": packets})


def arp(*instances):
    """One ARP request by each of them, answered by the fabric."""
    total = Expectation()
    for instance in instances:
        total += answered(instance, ARP_BYTES)
    return total


def dropped(source, reason, size, packets=1):
    return Expectation({f"{source} tx_packets": packets, f"{source} tx_bytes": packets * size,
                        f"{source} drops.{reason}": packets, "engine received": packets, "engine dropped": packets})


def exchanged(one, other):
    """A conversation whose exact number of frames is TCP's business: equal at both ends, no drop."""
    return Expectation(exchanges=[(one, other)])
