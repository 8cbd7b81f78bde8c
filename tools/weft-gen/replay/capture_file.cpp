#include "tools/weft-gen/replay/capture_file.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <pcap/pcap.h>

#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {
namespace {

struct Close {
  void operator()(pcap_t* file) const noexcept { pcap_close(file); }
};

Error unusable(const std::string& path, const std::string& why) {
  return {"InvalidParameterValue", path + ": " + why, {path, 0, ""}};
}

}  // namespace

Result<CaptureFile> CaptureFile::read(const std::string& path, std::size_t most_bytes) {
  char why[PCAP_ERRBUF_SIZE] = "";
  const std::unique_ptr<pcap_t, Close> file(
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, why));
  if (file == nullptr) return unusable(path, std::string("libpcap cannot read it: ") + why);
  if (pcap_datalink(file.get()) != DLT_EN10MB) return unusable(path, "it is a capture of something else than Ethernet");
  CaptureFile capture;
  capture.begins.push_back(0);
  std::uint64_t first_ns = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int code = 0;
  while ((code = pcap_next_ex(file.get(), &header, &data)) == 1) {
    const std::size_t size = header->caplen, number = capture.frames() + 1;
    if (size > kLargestFrame - kFcsBytes || size < kIpOffset)
      return unusable(
          path, fmt::format("frame {} has {} bytes; right is {} to {}", number, size, kIpOffset, kLargestFrame - kFcsBytes));
    if (capture.bytes.size() + size > most_bytes)
      return unusable(
          path, fmt::format("it has more than {} MB of frames, which would have to be kept in memory", most_bytes / 1'000'000));
    const auto ns =
        static_cast<std::uint64_t>(header->ts.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(header->ts.tv_usec);
    if (capture.frames() == 0) first_ns = ns;
    // Captures of several interfaces are not always in order.
    const std::uint64_t before = capture.frames() == 0 ? 0 : capture.offsets_ns.back();
    capture.offsets_ns.push_back(ns < first_ns ? before : std::max(before, ns - first_ns));
    if (header->caplen < header->len) ++capture.cut;
    const auto* const begin = reinterpret_cast<const std::byte*>(data);
    capture.bytes.insert(capture.bytes.end(), begin, begin + size);
    capture.begins.push_back(capture.bytes.size());
  }
  if (code == PCAP_ERROR) return unusable(path, std::string("libpcap stops: ") + pcap_geterr(file.get()));
  if (capture.frames() == 0) return unusable(path, "there is no frame in it");
  return capture;
}

}  // namespace weft::gen
