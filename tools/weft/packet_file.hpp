// One packet of a capture file, pcap or pcapng, of whatever program: by libpcap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft::cli {

struct PacketPlace {
  std::string file;
  std::uint64_t number = 1;  // from 1, as Wireshark counts
};

/// "web.pcapng:12"; without a number the first. A file whose name ends like that is itself meant if it is there.
PacketPlace parse_packet_place(const std::string& text);

struct PacketOfFile {
  std::vector<std::byte> bytes;  // an Ethernet frame, or the head of one
  std::uint32_t original = 0;
};

Result<PacketOfFile> read_packet(const PacketPlace& place);

}  // namespace weft::cli
