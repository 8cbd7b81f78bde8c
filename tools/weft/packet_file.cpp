#include "tools/weft/packet_file.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <charconv>
#include <memory>

namespace weft::cli {
namespace {

Error not_readable(const std::string& file, std::string why) {
  return {"Weft.FileNotReadable", fmt::format("{}: {}", file, std::move(why)), {}};
}

struct PcapClose {
  void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};

}  // namespace

PacketPlace parse_packet_place(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return {text, 1};
  std::uint64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, failed] = std::from_chars(text.data() + colon + 1, last, number);
  if (failed != std::errc() || end != last || ::access(text.c_str(), F_OK) == 0) return {text, 1};
  return {text.substr(0, colon), number};
}

Result<PacketOfFile> read_packet(const PacketPlace& place) {
  if (place.number == 0) return Error{"InvalidParameterValue", "packets are counted from 1", {}};
  char why[PCAP_ERRBUF_SIZE] = "";
  const std::unique_ptr<pcap_t, PcapClose> pcap(pcap_open_offline(place.file.c_str(), why));
  if (!pcap) {
    const std::string said = why;  // begins with the name of a file that cannot be opened
    return not_readable(place.file, said.starts_with(place.file + ": ") ? said.substr(place.file.size() + 2) : said);
  }
  if (const int link = pcap_datalink(pcap.get()); link != DLT_EN10MB) {
    const char* const name = pcap_datalink_val_to_name(link);
    return not_readable(place.file, fmt::format("its packets are {}, not Ethernet frames; `weft capture` writes those, and "
                                                "so does tcpdump on one interface", name == nullptr ? "unknown" : name));
  }
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  for (std::uint64_t number = 1;; ++number) {
    const int result = pcap_next_ex(pcap.get(), &header, &data);
    if (result == PCAP_ERROR_BREAK)
      return not_readable(place.file, number == 1 ? "there is no packet in it"
                                                  : fmt::format("there is no packet {}; it has {}", place.number, number - 1));
    if (result != 1) return not_readable(place.file, fmt::format("at packet {}: {}", number, pcap_geterr(pcap.get())));
    if (number != place.number) continue;
    const auto* const bytes = reinterpret_cast<const std::byte*>(data);
    return PacketOfFile{{bytes, bytes + header->caplen}, header->len};
  }
}

}  // namespace weft::cli
