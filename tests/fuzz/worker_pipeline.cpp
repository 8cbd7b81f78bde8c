// Frames of guests and of the internet through the whole engine: every header that it reads, with the offloads a TAP
// makes of a virtio header, in pieces, with time in between. Whatever comes: the balance holds after every turn, no
// packet buffer is lost, and what a guest is given is a whole frame for it. The engine does not verify an IPv4 header's
// checksum, it patches it: as long as all that came in were right, so is all that comes out.
//
// Input: records of a byte that says how (below), the length of a frame in two bytes, little endian, and the frame.
#include <rte_mempool.h>

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/worker/eal.hpp"
#include "drivers/tap/virtio_header.hpp"
#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/networks.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::test;

constexpr unsigned kFrom = 0x07, kVirtio = 0x08, kRightChecksum = 0x10, kTime = 0x60, kCut = 0x80;
constexpr const char* kEnds[] = {"a", "b", "c", "d", "internet"};

Deployment network() {
  const SecurityGroup server = make_group("server", {rule(kTcp, 22, 22, cidr("10.0.0.0/16")), all(group("server"))},
                                          {all(cidr("0.0.0.0/0")), all(cidr("::/0"))});
  SecurityGroup open = open_group();
  open.ingress.push_back(all(cidr("::/0")));
  open.egress.push_back(all(cidr("::/0")));
  Deployment made = dual_stack({open, server}, {guest("a", "10.0.1.4", {"open"}), guest("b", "10.0.1.5", {"server"}),
                                                guest("c", "10.0.1.6", {"server"}), guest("d", "10.0.2.4", {"open"}, "far")});
  add_internet(made, {"hpc", "far"});
  add_elastic_ip(made, "203.0.113.1", "eni-a", "10.0.1.4");
  add_elastic_ip(made, "203.0.113.2", "eni-b", "10.0.1.5");
  add_acl(made, "far", {deny(10, kProtocolUdp, 7, 7), allow(20), acl_entry(30, true, kAllProtocols, -1, -1, "::/0")},
          {allow(10), acl_entry(20, true, kAllProtocols, -1, -1, "::/0")});
  return made;
}

/// EAL lives as long as the process, an engine as long as one input: what failed fails again alone.
Fabric fresh_fabric() {
  static const auto eal = [] {
    EalOptions options;
    options.memory_mb = 64;
    options.huge_pages = false;
    return std::move(*Eal::start(options));
  }();
  return Fabric(network(), {.flow_capacity = 256, .flow_capacity6 = 256, .packets = 255, .ring_depth = 64});
}

/// The header that a checksum can be told of, or null.
const Ipv4Header* ipv4_header(const Frame& frame) {
  if (frame.size() < kIpOffset + sizeof(Ipv4Header)) return nullptr;
  const auto& ip = header_at<Ipv4Header>(frame, kIpOffset);
  const bool whole = ip.header_bytes() >= sizeof ip && kIpOffset + ip.header_bytes() <= frame.size();
  return header_at<EthernetHeader>(frame, 0).ether_type.host() == kEtherTypeIpv4 && whole ? &ip : nullptr;
}

bool is_right(const Ipv4Header& ip) {
  return checksum_finish(checksum_add({reinterpret_cast<const std::byte*>(&ip), ip.header_bytes()})).host() == 0;
}

void check_given(const Fabric& fabric, const std::string& end, const rte_mbuf* packet, bool checksums_are_right) {
  const Frame frame = bytes_of(packet);
  FUZZ_CHECK(frame.size() == packet->pkt_len && frame.size() >= sizeof(EthernetHeader));
  const auto& ethernet = header_at<EthernetHeader>(frame, 0);
  const MacAddress own = end == "internet" ? kInternetMac : fabric.eni(end).mac;
  FUZZ_CHECK(ethernet.destination == own || ethernet.destination.is_multicast());
  const bool segmented_later = (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
  FUZZ_CHECK(segmented_later || frame.size() <= sizeof(EthernetHeader) + 9001U);
  if (ethernet.ether_type.host() == kEtherTypeIpv4) {
    FUZZ_CHECK(frame.size() >= kIpOffset + sizeof(Ipv4Header));
    const auto& ip = header_at<Ipv4Header>(frame, kIpOffset);
    FUZZ_CHECK(ip.version() == 4 && ip.header_bytes() >= sizeof ip);
    FUZZ_CHECK(kIpOffset + ip.total_length.host() <= frame.size() && ip.header_bytes() <= ip.total_length.host());
    FUZZ_CHECK(!checksums_are_right || is_right(ip));
  } else if (ethernet.ether_type.host() == kEtherTypeIpv6) {
    FUZZ_CHECK(frame.size() >= kIpOffset + sizeof(Ipv6Header));
    const auto& ip = header_at<Ipv6Header>(frame, kIpOffset);
    FUZZ_CHECK(kIpOffset + sizeof ip + ip.payload_length.host() <= frame.size());
  }
}

void drain(Fabric& fabric, bool checksums_are_right) {
  for (const char* end : kEnds) {
    while (rte_mbuf* packet = fabric.receive_packet(end)) {
      check_given(fabric, end, packet, checksums_are_right);
      rte_pktmbuf_free(packet);
    }
  }
  FUZZ_CHECK(fabric.engine().balance().holds());
}

/// The frame in one buffer, or its first `cut` bytes in one and the rest in another.
rte_mbuf* in_buffers(Fabric& fabric, const Frame& frame, std::size_t cut) {
  if (cut == 0 || cut >= frame.size()) return fabric.packet(frame);
  const auto middle = frame.begin() + static_cast<std::ptrdiff_t>(cut);
  rte_mbuf* head = fabric.packet(Frame(frame.begin(), middle));
  FUZZ_CHECK(rte_pktmbuf_chain(head, fabric.packet(Frame(middle, frame.end()))) == 0);
  return head;
}

/// Whether the frame's header, if it is one of IPv4, had a right checksum.
bool send(Fabric& fabric, unsigned how, std::span<const std::uint8_t> bytes, bool checksums_are_right) {
  constexpr std::uint64_t kMilliseconds[] = {0, 1, 1000, 61'000};
  Fabric::advance_ms(kMilliseconds[(how & kTime) >> 5]);
  std::size_t cut = 0;
  if ((how & kCut) != 0 && !bytes.empty()) {
    cut = bytes[0];
    bytes = bytes.subspan(1);
  }
  std::optional<VirtioNetHeader> virtio;
  if ((how & kVirtio) != 0 && bytes.size() >= sizeof(VirtioNetHeader)) {
    std::memcpy(&virtio.emplace(), bytes.data(), sizeof(VirtioNetHeader));
    bytes = bytes.subspan(sizeof(VirtioNetHeader));
  }
  Frame frame(bytes.begin(), bytes.end());
  if (const Ipv4Header* ip = ipv4_header(frame)) {
    if ((how & kRightChecksum) != 0) fix_ip_checksum(frame);
    checksums_are_right &= is_right(*ip);
  }
  rte_mbuf* packet = in_buffers(fabric, frame, cut);
  if (virtio) offload_from_virtio(*virtio, packet);
  fabric.inject(kEnds[(how & kFrom) % std::size(kEnds)], packet);
  fabric.turn();
  drain(fabric, checksums_are_right);
  return checksums_are_right;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Fabric fabric = fresh_fabric();
  const unsigned free = rte_mempool_avail_count(fabric.engine().mempool());
  std::span<const std::uint8_t> input(data, size);
  bool checksums_are_right = true;
  for (unsigned records = 0; input.size() >= 3 && records < 32; ++records) {
    const std::size_t length = std::min<std::size_t>(input[1] | input[2] << 8, input.size() - 3);
    checksums_are_right = send(fabric, input[0], input.subspan(3, length), checksums_are_right);
    input = input.subspan(3 + length);
  }
  Fabric::advance_s(2);  // fragments that wait for a first one wait no longer
  fabric.turn();
  drain(fabric, checksums_are_right);
  FUZZ_CHECK(rte_mempool_avail_count(fabric.engine().mempool()) == free);
  return 0;
}
