// Instance metadata at 169.254.169.254 and fd00:ec2::254, HTTP over port 80 (facts ec2 7.4): IMDSv2 with its session
// tokens, and IMDSv1 where they are optional.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "dataplane/services/metadata_token.hpp"
#include "dataplane/services/metadata_tree.hpp"
#include "dataplane/services/tcp_connections.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

inline constexpr std::uint16_t kMetadataPort = 80;

/// MetadataOptions of EC2, whose defaults these are.
struct MetadataOptions {
  bool endpoint = true;          // HttpEndpoint: enabled
  bool tokens_required = true;   // HttpTokens: required
  std::uint8_t hop_limit = 1;    // HttpPutResponseHopLimit, 1 to 64
  bool ipv6 = false;             // HttpProtocolIpv6: disabled
};

/// Of one instance, which all its interfaces share.
struct Metadata {
  std::string instance;  // its id: a token is good for one instance only
  MetadataOptions options;
  MetadataTree tree;  // "meta-data/...", "dynamic/..."
};

/// The first request of `asked`.
Reaction react_metadata(const Metadata& metadata, const TokenKeys& keys, const Moment& now,
                        std::span<const std::byte> asked, std::span<std::byte> room) noexcept;

}  // namespace weft::services
