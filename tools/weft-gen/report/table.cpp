#include <fmt/format.h>

#include "tools/weft-gen/report/report.hpp"

namespace weft::gen {
namespace {

std::string remarks(const Trial& trial) {
  std::string text;
  if (trial.sender_limited()) text += "  sender limited";
  if (trial.sink_limited()) text += "  sink limited";
  if (trial.interrupted) text += "  interrupted";
  return text;
}

std::string of(const SearchOutcome& s) {
  if (s.interrupted) return "  interrupted";
  if (s.lower_pps == 0) return "  nothing passes";
  if (s.sender_limited) return "  sender limited: the device may do more";
  if (s.device_at_maximum) return "  the highest rate passes";
  return "";
}

std::string search_line(const RepeatedSearch& repeated, double frame_bytes) {
  const SearchOutcome& s = repeated.median();
  std::string text = fmt::format("  {:<12} {:>12}  {:>11}  [{}, {}]  {} trials{}\n",
                                 s.acceptable_loss == 0 ? "throughput" : "PDR " + show_share(s.acceptable_loss),
                                 show_pps(s.lower_pps), show_bps(wire_bps(s.lower_pps, frame_bytes)), show_pps(s.lower_pps),
                                 show_pps(s.upper_pps), repeated.trials(), of(s));
  if (repeated.searches.size() > 1)
    text += fmt::format("  {:<12} median of {} searches, from {} to {}\n", "", repeated.searches.size(),
                        show_pps(repeated.lowest()), show_pps(repeated.highest()));
  return text;
}

std::string latency_line(const std::string& label, const LatencySummary& l) {
  if (l.frames == 0) return "";
  return fmt::format("  {:<12} min {}  p50 {}  p90 {}  p99 {}  p99.9 {}  max {}  of {} frames\n", label, show_us(l.smallest_us),
                     show_us(l.p50_us), show_us(l.p90_us), show_us(l.p99_us), show_us(l.p999_us), show_us(l.largest_us),
                     l.frames);
}

std::string directions_of(const Trial& trial) {
  std::string text;
  for (std::size_t i = 0; i < trial.directions.size(); ++i) {
    const DirectionResult& d = trial.directions[i];
    text += fmt::format("  {:<12} sent {}  received {}  lost {} ({})  duplicates {}  reordered {}\n",
                        i == 0 ? "forward" : "reverse", d.sent, d.received, d.lost(),
                        show_share(d.sent == 0 ? 0 : static_cast<double>(d.lost()) / static_cast<double>(d.sent)), d.duplicates,
                        d.reordered);
    if (d.streams_with_loss != 0)
      text += fmt::format("  {:<12} {} of {} streams lost frames, the worst {}\n", "", d.streams_with_loss, d.streams,
                          d.worst_stream_lost);
    if (d.skipped != 0) text += fmt::format("  {:<12} {} frames were not sent in time\n", "", d.skipped);
    if (d.sink_missed != 0) text += fmt::format("  {:<12} our own card missed {} frames\n", "", d.sink_missed);
    if (d.foreign + d.late != 0)
      text += fmt::format("  {:<12} {} frames of others, {} of an earlier trial\n", "", d.foreign, d.late);
    text += latency_line("latency", d.latency);
    text += latency_line("by the card", d.hardware_latency);
  }
  return text;
}

std::string back_to_back_lines(const BackToBack& b) {
  std::string text = fmt::format(
      "  {:<12} {:.0f} frames on average, {} to {}, deviation {:.1f}; {} bursts searched with {} trials{}{}\n", "back-to-back",
      b.average(), b.shortest(), b.longest(), b.deviation(), b.frames.size(), b.trials,
      b.whole ? "  the longest burst passes whole" : "", b.sender_limited ? "  sender limited: not back to back" : "");
  if (!b.whole)
    text += fmt::format("  {:<12} {} of buffer, {} when what is forwarded meanwhile is left out\n", "",
                        show_us(b.buffer_seconds() * 1e6), show_us(b.corrected_buffer_seconds() * 1e6));
  return text;
}

}  // namespace

std::string to_table(const SizeReport& size, unsigned directions) {
  std::string text =
      fmt::format("{} bytes{}{}\n", size.size == "imix" ? fmt::format("imix, {:.0f}", size.frame_bytes) : size.size,
                  size.line_pps > 0 ? ", the line carries " + show_pps(size.line_pps) : "",
                  directions == 2 ? ", figures of each of two directions" : "");
  if (size.sender_limited)
    text += fmt::format("  {:<12} {} is what the sender can offer\n", "sender", show_pps(size.highest_pps));
  for (const RepeatedSearch& s : size.searches) text += search_line(s, size.frame_bytes);
  for (const LoadedLatency& l : size.latencies) {
    text += fmt::format("  {:<12} {}{}{}\n", "load", show_pps(l.trial.offered_pps()),
                        l.share > 0 ? ", " + show_share(l.share) + " of the throughput" : "", remarks(l.trial));
    text += directions_of(l.trial);
  }
  for (const Trial& t : size.losses)
    text += fmt::format("  {:<12} {:>12}  lost {} ({}){}\n", "loss at", show_pps(t.offered_pps()), t.lost(),
                        show_share(t.loss_ratio()), remarks(t));
  if (size.back_to_back) text += back_to_back_lines(*size.back_to_back);
  if (size.run) {
    text += fmt::format("  {:<12} {} for {:.2f} s, {}{}\n", "offered", show_pps(size.run->offered_pps()), size.run->seconds,
                        show_bps(wire_bps(size.run->offered_pps(), size.frame_bytes)), remarks(*size.run));
    text += directions_of(*size.run);
  }
  return text;
}

}  // namespace weft::gen
