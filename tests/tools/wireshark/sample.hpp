// A packet made of the structs that the transport and the RDM protocol send, with what the dissector has to say about each of
// its fields. dissector.py compares.
#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "fabric/rdm/packet_format.hpp"
#include "fabric/srd/acknowledgement.hpp"

namespace weft::wireshark_test {

struct Sample {
  std::string name;
  std::vector<std::byte> bytes{};  // the payload of the EFA packet
  nlohmann::json fields = nlohmann::json::object();  // by filter name; several of one name are a list, in their order
  std::vector<std::size_t> whole{};                  // lengths at which a beginning of it is a packet, too
  std::optional<std::size_t> data_from{};            // where data begins that may have any length

  template <typename Struct>
  void put(const Struct& value) {
    append(std::as_bytes(std::span(&value, 1)));
  }
  void append(std::span<const std::byte> more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

  void expect(const char* field, const nlohmann::json& value) { fields[field].push_back(value); }

  /// Bytes that the dissector shows as `field`.
  void append(const char* field, std::span<const std::byte> more) {
    append(more);
    if (!more.empty()) expect(field, hex(more));
  }
  void data(std::span<const std::byte> more) {
    data_from = bytes.size();
    append("weft_rdm.data", more);
    expect("weft_rdm.data_length", more.size());
  }

  bool is_whole(std::size_t length) const {
    if (length == bytes.size() || (data_from && length >= *data_from)) return true;
    for (const std::size_t one : whole)
      if (one == length) return true;
    return false;
  }

  static std::string hex(std::span<const std::byte> bytes);
};

/// Every kind of packet with values that `seed` decides.
std::vector<Sample> every_kind(std::uint64_t seed);

}  // namespace weft::wireshark_test
