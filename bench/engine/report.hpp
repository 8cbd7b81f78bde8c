// What was measured, for people (a table), for programs (JSON) and for pages (SVG).
#pragma once

#include <string>
#include <vector>

#include "bench/engine/measure.hpp"

namespace weft::bench {

void print_table_head();
void print_table_line(const Measurement& measurement);
std::string to_json(const std::vector<Measurement>& measurements, const std::string& memory);
/// Mpps over the number of flows, of the rungs that differ in nothing else.
std::string to_svg(const std::vector<Measurement>& measurements);

}  // namespace weft::bench
