// What `weft top` shows: rates out of two looks at /v1/statistics, and lines out of rates. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace weft::cli {

enum class TopSort : std::uint8_t { kTraffic, kRx, kTx, kDrops, kFlows };

/// {"interval_s", "interfaces": [{"eni", "instance", "rx_packets_per_second", "rx_bits_per_second", "tx_...",
/// "drops_per_second", "top_drop_reason" (null: none), "flows"}], "workers": [{"awake_ratio"}]}, the busiest interface first.
/// An interface that came meanwhile, or whose counters began again, is counted from zero.
nlohmann::json top_rates(const nlohmann::json& before, const nlohmann::json& now, double interval_s, TopSort sort);

enum class TopStyle : std::uint8_t { kPlain, kHeading, kLow, kMiddle, kHigh };

struct TopLine {
  std::string text;
  TopStyle style = TopStyle::kPlain;
};

/// `width` columns and `height` lines at most; what does not fit is cut, and the last line then says so.
std::vector<TopLine> top_lines(const nlohmann::json& rates, std::size_t width, std::size_t height);

/// 0 as "0", 1234567 as "1.23M"; at most five characters up to 999 E.
std::string human_rate(double per_second);

}  // namespace weft::cli
