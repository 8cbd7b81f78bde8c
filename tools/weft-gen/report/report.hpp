// All that a run found, before it is text. Whatever the method: a method fills in its own parts.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/weft-gen/method/back_to_back.hpp"
#include "tools/weft-gen/method/search.hpp"
#include "tools/weft-gen/method/trial.hpp"

namespace weft::gen {

struct LoadedLatency {
  double share = 0;  // of the throughput; 0: at a rate given
  Trial trial;
};

struct SizeReport {
  std::string size;                      // "64", "imix"
  double frame_bytes = 64;               // the mean, with FCS
  double line_pps = 0;                   // of this size; 0: the line's speed is unknown
  double highest_pps = 0;                // that was offered: the line's, or what the sender can do
  bool sender_limited = false;           // it was the sender
  std::vector<RepeatedSearch> searches;  // by acceptable loss
  std::vector<LoadedLatency> latencies;
  std::vector<Trial> losses;
  std::optional<BackToBack> back_to_back;
  std::optional<Trial> run;

  /// Of the search without loss; null where there was none.
  const SearchOutcome* throughput() const;
};

struct Report {
  std::string method;
  std::vector<std::pair<std::string, std::string>> facts;  // "CPU": "AMD EPYC ...", in the order to be shown
  std::vector<std::string> notes;                          // what whoever reads a figure must know
  unsigned directions = 1;
  std::vector<SizeReport> sizes;
};

/// Bits a second on the wire, with preamble and gap.
double wire_bps(double pps, double frame_bytes);

/// "1.49 Mpps", "12.3 Gb/s", "0.5 %", "12.1 us".
std::string show_pps(double pps);
std::string show_bps(double bps);
std::string show_share(double share);
std::string show_us(double us);

std::string to_json(const Report& report);
/// A line for each figure that has an offered load: method, size, loads, loss, latency.
std::string to_csv(const Report& report);
/// One page that needs nothing else: SVG and style are in it.
std::string to_html(const Report& report);
/// What one size found, for people at a terminal.
std::string to_table(const SizeReport& size, unsigned directions);

}  // namespace weft::gen
