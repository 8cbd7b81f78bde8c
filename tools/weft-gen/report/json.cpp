#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "tools/weft-gen/report/report.hpp"

namespace weft::gen {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const LatencySummary& l) {
  if (l.frames == 0) return nullptr;
  Json curve = Json::array();
  for (const auto& [share, us] : l.curve) curve.push_back({share, us});
  return {{"frames", l.frames},     {"min_us", l.smallest_us}, {"mean_us", l.mean_us}, {"p50_us", l.p50_us},
          {"p90_us", l.p90_us},     {"p99_us", l.p99_us},      {"p999_us", l.p999_us}, {"p9999_us", l.p9999_us},
          {"max_us", l.largest_us}, {"curve", curve}};
}

Json json_of(const DirectionResult& d) {
  return {{"sent", d.sent},
          {"sent_bytes", d.sent_bytes},
          {"received", d.received},
          {"received_bytes", d.received_bytes},
          {"lost", d.lost()},
          {"duplicates", d.duplicates},
          {"reordered", d.reordered},
          {"foreign", d.foreign},
          {"late", d.late},
          {"not_sent", d.skipped},
          {"device_ring_full", d.refused},
          {"sink_missed", d.sink_missed},
          {"streams", d.streams},
          {"streams_with_loss", d.streams_with_loss},
          {"worst_stream_lost", d.worst_stream_lost},
          {"latency", json_of(d.latency)},
          {"hardware_latency", json_of(d.hardware_latency)}};
}

Json json_of(const Trial& t, bool whole) {
  Json json = {{"asked_pps", t.load.pps},
               {"offered_pps", t.offered_pps()},
               {"received_pps", t.received_pps()},
               {"seconds", t.seconds},
               {"lost", t.lost()},
               {"loss_ratio", t.loss_ratio()},
               {"sender_limited", t.sender_limited()},
               {"sink_limited", t.sink_limited()},
               {"interrupted", t.interrupted}};
  if (!whole) return json;
  json["directions"] = Json::array();
  for (const DirectionResult& d : t.directions) json["directions"].push_back(json_of(d));
  return json;
}

Json json_of(const SearchOutcome& s) {
  Json json = {{"lower_pps", s.lower_pps},           {"upper_pps", s.upper_pps},
               {"sender_limited", s.sender_limited}, {"device_at_maximum", s.device_at_maximum},
               {"interrupted", s.interrupted},       {"trials", Json::array()}};
  for (const Trial& t : s.history) json["trials"].push_back(json_of(t, false));
  return json;
}

Json json_of(const RepeatedSearch& r, double frame_bytes) {
  const SearchOutcome& median = r.median();
  Json json = {{"acceptable_loss", median.acceptable_loss},
               {"lower_pps", median.lower_pps},
               {"upper_pps", median.upper_pps},
               {"lower_bps", wire_bps(median.lower_pps, frame_bytes)},
               {"sender_limited", median.sender_limited},
               {"device_at_maximum", median.device_at_maximum},
               {"trials", r.trials()},
               {"lowest_pps", r.lowest()},
               {"highest_pps", r.highest()},
               {"searches", Json::array()}};
  for (const SearchOutcome& s : r.searches) json["searches"].push_back(json_of(s));
  return json;
}

Json json_of(const BackToBack& b) {
  return {{"average_frames", b.average()},
          {"shortest_frames", b.shortest()},
          {"longest_frames", b.longest()},
          {"deviation_frames", b.deviation()},
          {"frames", b.frames},
          {"trials", b.trials},
          {"whole", b.whole},
          {"sender_limited", b.sender_limited},
          {"burst_pps", b.highest_pps},
          {"buffer_seconds", b.buffer_seconds()},
          {"corrected_buffer_seconds", b.corrected_buffer_seconds()}};
}

Json json_of(const SizeReport& size) {
  Json json = {{"size", size.size},
               {"frame_bytes", size.frame_bytes},
               {"line_pps", size.line_pps},
               {"highest_pps", size.highest_pps},
               {"sender_limited", size.sender_limited}};
  for (const RepeatedSearch& s : size.searches) json["searches"].push_back(json_of(s, size.frame_bytes));
  for (const LoadedLatency& l : size.latencies) {
    Json one = json_of(l.trial, true);
    one["share_of_throughput"] = l.share;
    json["latency"].push_back(one);
  }
  for (const Trial& t : size.losses) json["loss"].push_back(json_of(t, false));
  if (size.back_to_back) json["back_to_back"] = json_of(*size.back_to_back);
  if (size.run) json["run"] = json_of(*size.run, true);
  return json;
}

std::string csv_line(const std::string& method, const SizeReport& size, const Trial& t, double upper_pps, unsigned trials) {
  const LatencySummary l = t.directions.empty() ? LatencySummary{} : t.directions[0].latency;
  return fmt::format(
      "{},{},{:.1f},{:.1f},{:.1f},{:.1f},{:.1f},{:.0f},{},{},{:.9g},{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f}\n", method,
      size.size, size.frame_bytes, t.load.pps, t.offered_pps(), t.received_pps(), upper_pps,
      wire_bps(t.offered_pps(), size.frame_bytes), t.total(&DirectionResult::sent), t.lost(), t.loss_ratio(),
      t.sender_limited() ? 1 : 0, trials, l.smallest_us, l.p50_us, l.p90_us, l.p99_us, l.p999_us, l.largest_us);
}

}  // namespace

std::string to_json(const Report& report) {
  Json facts = Json::object();
  for (const auto& [name, value] : report.facts) facts[name] = value;
  Json json = {{"tool", "weft-gen"}, {"version", 1},          {"method", report.method}, {"directions", report.directions},
               {"facts", facts},     {"notes", report.notes}, {"sizes", Json::array()}};
  for (const SizeReport& size : report.sizes) json["sizes"].push_back(json_of(size));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_csv(const Report& report) {
  // Of the forward direction: latencies. Of each direction: rates. Of all: frames.
  std::string text =
      "method,size,frame_bytes,asked_pps,offered_pps,received_pps,upper_pps,offered_bps,sent,lost,loss_ratio,sender_limited,"
      "trials,"
      "min_us,p50_us,p90_us,p99_us,p999_us,max_us\n";
  for (const SizeReport& size : report.sizes) {
    for (const RepeatedSearch& r : size.searches)
      if (const SearchOutcome& s = r.median(); s.at_lower)
        text += csv_line(s.acceptable_loss == 0 ? "throughput" : fmt::format("pdr-{:g}", s.acceptable_loss), size, *s.at_lower,
                         s.upper_pps, r.trials());
    for (const LoadedLatency& l : size.latencies) text += csv_line("latency", size, l.trial, 0, 1);
    for (const Trial& t : size.losses) text += csv_line("loss", size, t, 0, 1);
    if (size.run) text += csv_line("run", size, *size.run, 0, 1);
    if (size.back_to_back)
      text += fmt::format("back-to-back,{},{:.1f},{:.1f},,,,,{:.1f},0,0,{},{},,,,,,\n", size.size, size.frame_bytes,
                          size.back_to_back->highest_pps, size.back_to_back->average(),
                          size.back_to_back->sender_limited ? 1 : 0, size.back_to_back->trials);
  }
  return text;
}

}  // namespace weft::gen
