#include "tools/weft/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestBar = 40;  // columns
constexpr double kMiddleLoad = 0.5, kHighLoad = 0.85;

std::uint64_t counted_since(const json& before, const json& now, const char* key) {
  const std::uint64_t earlier = number(before, key), later = number(now, key);
  return later >= earlier ? later - earlier : later;
}

/// Drops of all reasons, and the most frequent one.
std::pair<std::uint64_t, json> drops_since(const json& before, const json& now) {
  const json earlier = before.value("drops", json::object());
  std::uint64_t sum = 0, most = 0;
  json reason = nullptr;
  for (const json all = now.value("drops", json::object()); const auto& [name, count] : all.items()) {
    const std::uint64_t since = counted_since(earlier, all, name.c_str());
    sum += since;
    if (since > most) most = since, reason = name;
  }
  return {sum, reason};
}

json interface_rates(const json& before, const json& now, double interval_s, const json& flows) {
  json rates{{"eni", now.value("eni", "")}, {"instance", now.value("instance", "")}};
  for (const std::string direction : {"rx", "tx"}) {
    const auto per_second = [&](const char* what) {
      return static_cast<double>(counted_since(before, now, (direction + what).c_str())) / interval_s;
    };
    rates[direction + "_packets_per_second"] = per_second("_packets");
    rates[direction + "_bits_per_second"] = per_second("_bytes") * 8;
  }
  const auto [drops, reason] = drops_since(before, now);
  rates["drops_per_second"] = static_cast<double>(drops) / interval_s;
  rates["top_drop_reason"] = reason;
  rates["flows"] = number(flows, now.value("eni", "").c_str());
  return rates;
}

double sort_value(const json& rates, TopSort sort) {
  const auto of = [&](const char* key) { return rates.value(key, 0.0); };
  switch (sort) {
    case TopSort::kRx: return of("rx_bits_per_second");
    case TopSort::kTx: return of("tx_bits_per_second");
    case TopSort::kDrops: return of("drops_per_second");
    case TopSort::kFlows: return of("flows");
    case TopSort::kTraffic: break;
  }
  return of("rx_bits_per_second") + of("tx_bits_per_second");
}

TopLine worker_line(std::size_t index, double load, std::size_t width) {
  constexpr std::size_t kBeside = 24;  // "worker 63 [" and "] 100.0 %"
  const std::size_t bar = std::min(kLongestBar, width > kBeside ? width - kBeside : 0);
  const auto full = static_cast<std::size_t>(std::lround(std::clamp(load, 0.0, 1.0) * static_cast<double>(bar)));
  const TopStyle style = load >= kHighLoad ? TopStyle::kHigh : load >= kMiddleLoad ? TopStyle::kMiddle : TopStyle::kLow;
  return {fmt::format("worker {:<2} [{}{}] {:.1f} %", index, std::string(full, '|'), std::string(bar - full, ' '), load * 100),
          style};
}

TopLine sum_line(const json& interfaces) {
  const auto sum = [&](const char* key) {
    double total = 0;
    for (const json& one : interfaces) total += one.value(key, 0.0);
    return human_rate(total);
  };
  return {fmt::format("{} interfaces   rx {} pps {}bit/s   tx {} pps {}bit/s   {} drops/s", interfaces.size(),
                      sum("rx_packets_per_second"), sum("rx_bits_per_second"), sum("tx_packets_per_second"),
                      sum("tx_bits_per_second"), sum("drops_per_second"))};
}

std::string row(std::size_t name_width, const std::string& instance, const std::string& eni, const std::string (&columns)[6],
                const std::string& reason) {
  std::string text = fmt::format("{:<{}}  {:<21}", instance, name_width, eni);
  for (const std::string& column : columns) text += fmt::format("  {:>7}", column);
  return text + "  " + reason;
}

TopLine interface_line(const json& rates, std::size_t name_width) {
  const auto rate = [&](const char* key) { return human_rate(rates.value(key, 0.0)); };
  const bool drops = rates.value("drops_per_second", 0.0) > 0;
  return {row(name_width, cell(rates, "instance"), cell(rates, "eni"),
              {rate("rx_packets_per_second"), rate("rx_bits_per_second"), rate("tx_packets_per_second"),
               rate("tx_bits_per_second"), rate("drops_per_second"), cell(rates, "flows")},
              drops ? cell(rates, "top_drop_reason") : ""),
          drops ? TopStyle::kHigh : TopStyle::kPlain};
}

}  // namespace

std::string human_rate(double per_second) {
  if (per_second < 0.05) return "0";
  if (per_second < 9.95) return fmt::format("{:.1f}", per_second);
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T", "P", "E"};
  std::size_t unit = 0;
  for (; per_second >= 999.5 && unit + 1 < std::size(kUnits); ++unit) per_second /= 1000;
  const int digits = unit == 0 || per_second >= 99.95 ? 0 : per_second >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", per_second, digits, kUnits[unit]);
}

json top_rates(const json& before, const json& now, double interval_s, TopSort sort) {
  std::map<std::string, const json*> earlier;
  for (const json& one : before.at("interfaces")) earlier[one.value("eni", "")] = &one;
  const json flows = now.value("flows", json::object());
  std::vector<json> interfaces;
  for (const json& one : now.at("interfaces")) {
    const auto found = earlier.find(one.value("eni", ""));
    interfaces.push_back(interface_rates(found == earlier.end() ? json::object() : *found->second, one, interval_s, flows));
  }
  std::stable_sort(interfaces.begin(), interfaces.end(),
                   [&](const json& a, const json& b) { return sort_value(a, sort) > sort_value(b, sort); });
  json workers = json::array();
  const json workers_before = before.value("workers", json::array()), workers_now = now.value("workers", json::array());
  for (std::size_t i = 0; i < workers_now.size(); ++i) {
    const json& then = i < workers_before.size() ? workers_before[i] : json::object();
    const auto awake = static_cast<double>(counted_since(then, workers_now[i], "awake_ns"));
    const auto asleep = static_cast<double>(counted_since(then, workers_now[i], "asleep_ns"));
    workers.push_back({{"awake_ratio", awake + asleep > 0 ? awake / (awake + asleep) : 0.0}});
  }
  return {{"interval_s", interval_s}, {"interfaces", std::move(interfaces)}, {"workers", std::move(workers)}};
}

std::vector<TopLine> top_lines(const json& rates, std::size_t width, std::size_t height) {
  std::vector<TopLine> lines;
  std::size_t index = 0;
  for (const json& worker : rates.at("workers")) lines.push_back(worker_line(index++, worker.value("awake_ratio", 0.0), width));
  const json& interfaces = rates.at("interfaces");
  lines.push_back(sum_line(interfaces));
  std::size_t name_width = 8;
  for (const json& one : interfaces) name_width = std::min<std::size_t>(24, std::max(name_width, cell(one, "instance").size()));
  lines.push_back({row(name_width, "INSTANCE", "INTERFACE", {"RX pps", "RX bit", "TX pps", "TX bit", "DROPS", "FLOWS"}, "WHY"),
                   TopStyle::kHeading});
  for (const json& one : interfaces) lines.push_back(interface_line(one, name_width));
  if (lines.size() > height) {
    const std::size_t hidden = lines.size() - height + 1;
    lines.resize(height);
    if (height != 0) lines.back() = {fmt::format("... and {} more lines", hidden)};
  }
  for (TopLine& line : lines) {
    if (line.text.size() > width) line.text.resize(width);
    if (line.style == TopStyle::kHeading) line.text.resize(width == std::size_t(-1) ? line.text.size() : width, ' ');
    else while (line.text.ends_with(' ')) line.text.pop_back();
  }
  return lines;
}

}  // namespace weft::cli
