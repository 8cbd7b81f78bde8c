#include "tools/weft-gen/report/report.hpp"

#include <cmath>

#include <fmt/format.h>

#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {
namespace {

std::string scaled(double value, const char* unit) {
  const char* prefix = "";
  for (const char* larger : {"k", "M", "G"}) {
    if (std::abs(value) < 999.5) break;
    value /= 1000;
    prefix = larger;
  }
  return fmt::format("{:.{}f} {}{}", value, value < 10 ? 3 : value < 100 ? 2 : 1, prefix, unit);
}

}  // namespace

const SearchOutcome* SizeReport::throughput() const {
  for (const RepeatedSearch& s : searches)
    if (!s.searches.empty() && s.searches[0].acceptable_loss == 0) return &s.median();
  return nullptr;
}

double wire_bps(double pps, double frame_bytes) { return pps * (frame_bytes + static_cast<double>(kWireOverhead)) * 8; }

std::string show_pps(double pps) { return scaled(pps, "pps"); }
std::string show_bps(double bps) { return scaled(bps, "b/s"); }
std::string show_us(double us) {
  return us < 1000 ? fmt::format("{:.{}f} us", us, us < 10 ? 2 : 1) : fmt::format("{:.2f} ms", us / 1000);
}

std::string show_share(double share) {
  if (share == 0) return "0 %";
  return share < 0.0001 ? fmt::format("{:.1e}", share) : fmt::format("{:.4g} %", share * 100);
}

}  // namespace weft::gen
