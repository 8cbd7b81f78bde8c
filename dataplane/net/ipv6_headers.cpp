#include "dataplane/net/ipv6_headers.hpp"

namespace weft {
namespace {

/// The fragment header at `at` into `layers`. False when the rest of the chain belongs to another fragment.
bool read_fragment(std::span<const std::byte> packet, std::size_t at, Ipv6Layers& layers) noexcept {
  const auto& fragment = *reinterpret_cast<const Ipv6FragmentHeader*>(packet.data() + at);
  layers.fragment_header = static_cast<std::uint16_t>(at);
  layers.fragment_offset = fragment.fragment.host() & Ipv6FragmentHeader::kOffsetMask;
  layers.more_fragments = (fragment.fragment.host() & Ipv6FragmentHeader::kMoreFragments) != 0;
  layers.identification = fragment.identification.host();
  return layers.fragment_offset == 0;
}

}  // namespace

std::optional<Ipv6Layers> walk_ipv6_headers(std::span<const std::byte> packet) noexcept {
  if (packet.size() < sizeof(Ipv6Header)) return std::nullopt;
  Ipv6Layers layers;
  std::uint8_t next = reinterpret_cast<const Ipv6Header*>(packet.data())->next_header;
  std::size_t at = sizeof(Ipv6Header);
  for (unsigned headers = 0;; ++headers) {
    const bool extension = next == kHopByHopOptions || next == kRoutingHeader || next == kFragmentHeader ||
                           next == kAuthenticationHeader || next == kDestinationOptions;
    if (!extension) break;
    if (headers == kMostExtensionHeaders || packet.size() - at < sizeof(Ipv6ExtensionHeader)) return std::nullopt;
    const auto& header = *reinterpret_cast<const Ipv6ExtensionHeader*>(packet.data() + at);
    std::size_t bytes = 8U + header.length * 8U;
    bool more = true;
    switch (next) {
      case kHopByHopOptions:
        if (headers != 0) return std::nullopt;
        break;
      case kRoutingHeader:
        if (header.routing_type == 0 && header.segments_left != 0) return std::nullopt;
        break;
      case kFragmentHeader:
        if (layers.fragment_header != 0) return std::nullopt;
        bytes = sizeof(Ipv6FragmentHeader);  // its second byte is reserved, not a length
        more = read_fragment(packet, at, layers);
        break;
      case kAuthenticationHeader: bytes = 8U + header.length * 4U; break;
      default: break;
    }
    if (bytes > packet.size() - at || at + bytes > sizeof(Ipv6Header) + kMostExtensionBytes) return std::nullopt;
    at += bytes;
    next = header.next_header;
    if (!more) break;
  }
  layers.protocol = next;
  layers.l4_offset = static_cast<std::uint16_t>(at);
  return layers;
}

}  // namespace weft
