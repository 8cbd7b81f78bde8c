#include "tools/weft/capture_lines.hpp"

#include <fmt/format.h>
#include <time.h>

#include "dataplane/net/frame_summary.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {

std::string packet_line(const CapturedPacket& packet) {
  const auto seconds = static_cast<time_t>(packet.when_ns / 1'000'000'000);
  tm local{};
  ::localtime_r(&seconds, &local);
  std::string line = fmt::format("{:02}:{:02}:{:02}.{:09} {} {}  {}, {} bytes", local.tm_hour, local.tm_min,
                                 local.tm_sec, packet.when_ns % 1'000'000'000, printable(packet.interface),
                                 packet.outbound ? "out" : "in ", to_string(summarise(packet.bytes)), packet.original);
  if (!packet.comment.empty()) line += "\n    " + printable(packet.comment);
  return line;
}

std::string capture_summary(const CaptureTotals& totals, std::uint64_t dropped) {
  std::string text = fmt::format("{} packet{} captured", totals.written, totals.written == 1 ? "" : "s");
  if (dropped != 0) text += fmt::format(", {} of them dropped by the fabric", dropped);
  const std::uint64_t seen = totals.written + totals.missed;
  if (totals.received > seen) text += fmt::format("; {} others left out", totals.received - seen);
  return text + fmt::format("; {} missed", totals.missed);
}

}  // namespace weft::cli
