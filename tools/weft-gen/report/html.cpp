#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tools/weft-gen/report/chart.hpp"
#include "tools/weft-gen/report/report.hpp"

namespace weft::gen {
namespace {

constexpr const char* kStyle = R"(
:root { --ground: #fcfcfa; --ink: #1d232b; --faint: #6a7480; --line: #e3e5e1; --card: #fff;
  --c0: #1f6feb; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; --c4: #a16207; --c5: #0e7490; --c6: #be185d; --c7: #64748b; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --ink: #e6e9ec; --faint: #98a2ad; --line: #2c333b;
  --card: #1b2027;
  --c0: #6ea8fe; --c1: #fb923c; --c2: #4ade80; --c3: #c084fc; --c4: #facc15; --c5: #22d3ee; --c6: #f472b6; --c7: #a8b3c2; } }
body { background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; margin: 0 auto;
  max-width: 62rem; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 1.9rem; margin: 0; letter-spacing: -.01em; } h2 { font-size: 1.2rem; margin: 2.8rem 0 .6rem; }
p { margin: .4rem 0 .8rem; }
.faint { color: var(--faint); } .note { border-left: 3px solid var(--c1); padding: .1rem .9rem; }
.key { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.6rem 0; }
.key div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1.1rem;
  flex: 1 1 11rem; }
.key b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .4rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--faint); font-weight: 500; } th:first-child, td:first-child { text-align: left; }
.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.facts td:first-child { color: var(--faint); width: 12rem; }
svg { width: 100%; height: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
svg text { fill: var(--faint); font: 12px system-ui, sans-serif; } svg .label { fill: var(--ink); }
.grid { stroke: var(--line); } polyline { fill: none; } polyline, svg line { stroke-width: 2; }
svg line.grid { stroke-width: 1; } .dashed { stroke-dasharray: 5 5; }
.s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); }
.s4 { stroke: var(--c4); } .s5 { stroke: var(--c5); } .s6 { stroke: var(--c6); } .s7 { stroke: var(--c7); }
circle.s0 { fill: var(--c0); } circle.s1 { fill: var(--c1); } circle.s2 { fill: var(--c2); }
circle.s3 { fill: var(--c3); } circle.s4 { fill: var(--c4); } circle.s5 { fill: var(--c5); }
circle.s6 { fill: var(--c6); } circle.s7 { fill: var(--c7); }
)";

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::string text = "<div class='wide'><table><tr>";
  for (const std::string& cell : head) text += "<th>" + escape(cell) + "</th>";
  text += "</tr>\n";
  for (const auto& row : rows) {
    text += "<tr>";
    for (const std::string& cell : row) text += "<td>" + escape(cell) + "</td>";
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

std::string remark(const SearchOutcome& s) {
  if (s.interrupted) return "interrupted";
  if (s.lower_pps == 0) return "nothing passes";
  if (s.sender_limited) return "sender limited";
  return s.device_at_maximum ? "the highest rate passes" : "";
}

std::string goal(const SearchOutcome& s) {
  return s.acceptable_loss == 0 ? "no loss" : "loss of " + show_share(s.acceptable_loss);
}

std::string searches_section(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  std::vector<Series> series;
  Series line{"the line", {}, {}, true};
  std::vector<std::pair<double, std::string>> ticks;
  for (std::size_t i = 0; i < report.sizes.size(); ++i) {
    const SizeReport& size = report.sizes[i];
    if (size.searches.empty()) continue;
    const auto at = static_cast<double>(i);
    ticks.emplace_back(at, size.size);
    if (size.line_pps > 0) line.points.emplace_back(at, size.line_pps);
    for (std::size_t s = 0; s < size.searches.size(); ++s) {
      const SearchOutcome& found = size.searches[s].median();
      if (series.size() <= s) series.push_back({goal(found), {}, {}});
      series[s].points.emplace_back(at, found.lower_pps);
      series[s].hints.push_back(size.size + " bytes: " + show_pps(found.lower_pps) + ", " +
                                show_bps(wire_bps(found.lower_pps, size.frame_bytes)));
      rows.push_back({size.size, goal(found), show_pps(found.lower_pps),
                      found.upper_pps > found.lower_pps ? show_pps(found.upper_pps) : "none failed",
                      show_bps(wire_bps(found.lower_pps, size.frame_bytes)),
                      size.line_pps > 0 ? show_share(found.lower_pps / size.line_pps) : "-",
                      size.searches[s].searches.size() == 1
                          ? "1"
                          : fmt::format("{}: {} to {}", size.searches[s].searches.size(), show_pps(size.searches[s].lowest()),
                                        show_pps(size.searches[s].highest())),
                      std::to_string(size.searches[s].trials()), remark(found)});
    }
  }
  if (rows.empty()) return "";
  if (!line.points.empty()) series.push_back(line);
  std::string text =
      "<h2>Throughput</h2><p class='faint'>The highest rate that passed and the lowest that failed, of each direction. Bits "
      "are on the wire, with preamble and gap."
      " Of repeated searches the median.</p>\n";
  if (ticks.size() > 1)
    text += to_svg({"Throughput by frame size",
                    {"bytes of a frame", Axis::Scale::kLinear, ticks},
                    {"frames a second", Axis::Scale::kLogarithmic, {}},
                    series});
  return text + table({"frame", "accepted", "passed", "failed", "on the wire", "of the line", "searches", "trials", ""}, rows);
}

std::string latency_section(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  Chart chart{"Latency", {"share of the frames", Axis::Scale::kNines, {}}, {"microseconds", Axis::Scale::kLogarithmic, {}}, {}};
  const auto add = [&](const SizeReport& size, const Trial& trial, double share, bool first) {
    for (std::size_t i = 0; i < trial.directions.size(); ++i)
      for (const bool card : {false, true}) {
        const LatencySummary& l = card ? trial.directions[i].hardware_latency : trial.directions[i].latency;
        if (l.frames == 0) continue;
        const std::string load = show_pps(trial.offered_pps()) + (share > 0 ? fmt::format(" ({:.0f} %)", share * 100) : "");
        rows.push_back({size.size, load, std::string(i == 0 ? "forward" : "reverse") + (card ? ", by the card" : ""),
                        show_us(l.smallest_us), show_us(l.mean_us), show_us(l.p50_us), show_us(l.p99_us), show_us(l.p999_us),
                        show_us(l.largest_us), show_share(trial.loss_ratio())});
        // As many lines as there are colours: of several sizes each one's first load, of one size all of its loads.
        const bool drawn = i == 0 && !card && chart.series.size() < 8 && (first || report.sizes.size() == 1);
        if (drawn) chart.series.push_back({size.size + " bytes, " + load, l.curve, {}});
      }
  };
  for (const SizeReport& size : report.sizes) {
    for (const LoadedLatency& l : size.latencies) add(size, l.trial, l.share, &l == &size.latencies.front());
    if (size.run) add(size, *size.run, 0, true);
  }
  if (rows.empty()) return "";
  return "<h2>Latency</h2><p class='faint'>From the sender's hands to the receiver's, by the processor's clock, of every "
         "frame; to 1/128 of its value. "
         "It includes the generator's own way in and out.</p>\n" +
         to_svg(chart) +
         table({"frame", "load", "direction", "least", "mean", "median", "99 %", "99.9 %", "most", "lost"}, rows);
}

std::string loss_section(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  Chart chart{"Loss", {"offered, frames a second", Axis::Scale::kLinear, {}}, {"lost, %", Axis::Scale::kLinear, {}}, {}};
  for (const SizeReport& size : report.sizes) {
    if (size.losses.empty()) continue;
    Series series{size.size + " bytes", {}, {}};
    for (const Trial& t : size.losses) {
      series.points.emplace_back(t.offered_pps(), t.loss_ratio() * 100);
      series.hints.push_back(show_pps(t.offered_pps()) + ": " + show_share(t.loss_ratio()));
      rows.push_back({size.size, show_pps(t.load.pps), show_pps(t.offered_pps()), show_pps(t.received_pps()),
                      show_share(t.loss_ratio()), t.sender_limited() ? "sender limited" : ""});
    }
    chart.series.push_back(std::move(series));
  }
  if (rows.empty()) return "";
  return "<h2>Loss over the rate</h2>\n" + to_svg(chart) + table({"frame", "asked", "offered", "received", "lost", ""}, rows);
}

std::string back_to_back_section(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const SizeReport& size : report.sizes) {
    if (!size.back_to_back) continue;
    const BackToBack& b = *size.back_to_back;
    rows.push_back({size.size, show_pps(b.highest_pps), fmt::format("{:.0f}", b.average()), std::to_string(b.shortest()),
                    std::to_string(b.longest()), fmt::format("{:.1f}", b.deviation()),
                    b.whole ? "-" : show_us(b.corrected_buffer_seconds() * 1e6), std::to_string(b.frames.size()),
                    b.sender_limited ? "sender limited"
                    : b.whole        ? "the longest burst passes"
                                     : ""});
  }
  if (rows.empty()) return "";
  return "<h2>Back to back</h2><p class='faint'>Frames of the longest burst that passes whole (RFC 9004); the buffer is that "
         "without what is forwarded meanwhile.</p>\n" +
         table({"frame", "burst at", "average", "least", "most", "deviation", "buffer", "searches", ""}, rows);
}

std::string run_section(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const SizeReport& size : report.sizes) {
    if (!size.run) continue;
    for (const DirectionResult& d : size.run->directions)
      rows.push_back({size.size, show_pps(size.run->load.pps), show_pps(size.run->offered_pps()), std::to_string(d.sent),
                      std::to_string(d.received), std::to_string(d.lost()), std::to_string(d.duplicates),
                      std::to_string(d.reordered),
                      size.run->sender_limited() ? "sender limited"
                      : size.run->sink_limited() ? "sink limited"
                                                 : ""});
  }
  if (rows.empty()) return "";
  return "<h2>Frames</h2>\n" + table({"frame", "asked", "offered", "sent", "received", "lost", "twice", "reordered", ""}, rows);
}

/// The figures that people look for first.
std::string key_figures(const Report& report) {
  std::string text;
  const auto add = [&](const std::string& figure, const std::string& what) {
    text += "<div><b>" + escape(figure) + "</b>" + escape(what) + "</div>";
  };
  for (const SizeReport& size : report.sizes) {
    if (const SearchOutcome* const t = size.throughput();
        t != nullptr && (&size == &report.sizes.front() || &size == &report.sizes.back()))
      add((t->sender_limited ? "at least " : "") + show_pps(t->lower_pps), size.size + "-byte frames without loss");
  }
  if (report.sizes.empty()) return "";
  const SizeReport& first = report.sizes.front();
  if (first.run)
    add(show_share(first.run->loss_ratio()), "lost of " + std::to_string(first.run->total(&DirectionResult::sent)) + " frames");
  const Trial* const latency = !first.latencies.empty() ? &first.latencies.front().trial : first.run ? &*first.run : nullptr;
  if (latency != nullptr && !latency->directions.empty() && latency->directions[0].latency.frames != 0)
    add(show_us(latency->directions[0].latency.p50_us),
        "median latency at " + show_pps(latency->offered_pps()) + ", " + first.size + " bytes");
  return text.empty() ? "" : "<div class='key'>" + text + "</div>\n";
}

}  // namespace

std::string to_html(const Report& report) {
  std::string text =
      "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width, "
      "initial-scale=1'>\n<title>weft-gen " +
      escape(report.method) + "</title>\n<style>" + kStyle + "</style></head>\n<body>\n<h1>weft-gen " + escape(report.method) +
      "</h1>\n";
  for (const auto& [name, value] : report.facts)
    if (name == "Date" || name.find("ort") != std::string::npos) text += "<p class='faint'>" + escape(value) + "</p>\n";
  for (const std::string& note : report.notes) text += "<p class='note'>" + escape(note) + "</p>\n";
  if (std::ranges::any_of(report.sizes, &SizeReport::sender_limited))
    text += "<p class='note'>The sender could not offer the line's rate: where it says so, the device may do more.</p>\n";
  text += key_figures(report) + searches_section(report) + run_section(report) + latency_section(report) +
          loss_section(report) + back_to_back_section(report);
  text += "<h2>The machine</h2><table class='facts'>\n";
  for (const auto& [name, value] : report.facts)
    text += "<tr><td>" + escape(name) + "</td><td>" + escape(value) + "</td></tr>\n";
  return text + "</table>\n</body></html>\n";
}

}  // namespace weft::gen
