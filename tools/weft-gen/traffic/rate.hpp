// A rate as people write it, of each direction: frames a second ("2.5mpps", "1000pps"), bits a second of frames with their
// overhead on the wire ("1gbps"), or a share of the line ("50%").
#pragma once

#include <string>

#include "dataplane/model/result.hpp"

namespace weft::gen {

/// Frames of this size (average, with FCS) that a line carries in a second: RFC 2544's "maximum theoretical frame rate".
double line_pps(double line_bps, double frame_bytes);

class Rate {
 public:
  static Result<Rate> parse(const std::string& text);
  static Rate percent(double value) { return {value, Unit::kPercent}; }
  double pps(double line_bps, double frame_bytes) const;

 private:
  enum class Unit { kPps, kBps, kPercent };
  Rate(double value, Unit unit) : value_(value), unit_(unit) {}
  double value_;
  Unit unit_;
};

/// "10gbps" or "10g" as bits a second.
Result<double> parse_line(const std::string& text);
/// "0.5%" or "0.005" as a share of 1.
Result<double> parse_share(const std::string& text);

}  // namespace weft::gen
