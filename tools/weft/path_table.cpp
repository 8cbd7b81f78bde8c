#include "tools/weft/path_table.hpp"

#include <fmt/format.h>

#include <map>

#include "dataplane/model/quantity.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

constexpr const char* kCounters[] = {"packets", "bytes", "marked", "duplicated", "reordered", "corrupted"};
constexpr const char* kCauses[] = {"down", "loss", "queue"};

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::uint64_t all_lost(const json& path) {
  const json lost = path.value("lost", json::object());
  std::uint64_t sum = 0;
  for (const char* cause : kCauses) sum += number(lost, cause);
  return sum;
}

/// "12.5 %"; two digits of what is rare, for one in ten thousand is a fault already.
std::string percent(double share) {
  if (share == 0) return "0 %";
  return share < 0.001 ? fmt::format("{:.2g} %", share * 100) : fmt::format("{:.1f} %", share * 100);
}

/// "20 loss, 5 queue" of those that are not 0.
template <typename Names>
std::string not_zero(const json& counters, const Names& names) {
  std::string text;
  for (const char* name : names)
    if (const std::uint64_t count = number(counters, name); count != 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text;
}

std::string lost_cell(const json& path) {
  const std::string causes = not_zero(path.value("lost", json::object()), kCauses);
  return causes.empty() ? "-" : fmt::format("{} ({})", percent(path.value("loss_ratio", 0.0)), causes);
}

std::string also_cell(const json& path) {
  constexpr const char* kAlso[] = {"marked", "duplicated", "reordered", "corrupted"};
  const std::string also = not_zero(path, kAlso);
  return also.empty() ? "-" : also;
}

/// A host's, not one of the paths that share the packets.
bool is_link(const json& path) { return path.value("path", json()).is_null(); }

/// "12.3us"; "-" where no process has measured any.
std::string round_trip_cell(const json& path) {
  const auto ns = path.find("round_trip_ns");
  return ns == path.end() || !ns->is_number() ? "-" : fmt::format("{:.1f}us", ns->get<double>() / 1e3);
}

bool same_direction(const json& one, const json& other) {
  return cell(one, "from") == cell(other, "from") && cell(one, "to") == cell(other, "to");
}

std::uint64_t increase(const json& before, const json& now, const char* key) {
  const std::uint64_t earlier = number(before, key), later = number(now, key);
  return later >= earlier ? later - earlier : later;
}

json increase_of_path(const json& before, const json& now) {
  json path = now;
  for (const char* counter : kCounters) path[counter] = increase(before, now, counter);
  const json lost_before = before.value("lost", json::object()), lost = now.value("lost", json::object());
  for (const char* cause : kCauses) path["lost"][cause] = increase(lost_before, lost, cause);
  path["loss_ratio"] = ratio(all_lost(path), number(path, "packets"));
  return path;
}

}  // namespace

std::string format_paths(const json& paths) {
  if (paths.empty()) return "they share a host: no path between them\n";
  std::string text;
  for (auto path = paths.begin(); path != paths.end();) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{} -> {}, through the {}\n", cell(*path, "from"), cell(*path, "to"),
                        cell(*path, "through") == "rack" ? "rack's switch" : "spines");
    Table table({"PATH", "STATE", "LATENCY", "BOTH WAYS", "RTT", "PACKETS", "BYTES", "SHARE", "LOST", "QUEUED", "ALSO",
                 "IMPAIRED BY"});
    for (const json& first = *path; path != paths.end() && same_direction(first, *path); ++path)
      table.add({is_link(*path) ? cell(*path, "hop") : cell(*path, "path"), cell(*path, "state"),
                 duration_text(number(*path, "latency_ns")),
                 is_link(*path) ? "-" : duration_text(number(*path, "latency_both_ways_ns")), round_trip_cell(*path),
                 cell(*path, "packets"), human_bytes(number(*path, "bytes")),
                 is_link(*path) ? "-" : percent(path->value("share", 0.0)), lost_cell(*path),
                 human_bytes(number(*path, "queued_bytes")), also_cell(*path), cell(*path, "summary")});
    text += table.to_string();
  }
  return text;
}

json paths_since(const json& before, const json& now) {
  const auto key = [](const json& path) {
    return cell(path, "from") + ' ' + cell(path, "to") + ' ' + cell(path, "hop") + ' ' + cell(path, "path");
  };
  std::map<std::string, const json*> earlier;
  for (const json& path : before) earlier[key(path)] = &path;
  json since = json::array();
  for (const json& path : now) {
    const auto found = earlier.find(key(path));
    since.push_back(increase_of_path(found == earlier.end() ? json::object() : *found->second, path));
  }
  std::map<std::string, std::uint64_t> packets;  // by direction
  const auto direction = [](const json& path) { return cell(path, "from") + ' ' + cell(path, "to"); };
  for (const json& path : since)
    if (!is_link(path)) packets[direction(path)] += number(path, "packets");
  for (json& path : since)
    if (!is_link(path)) path["share"] = ratio(number(path, "packets"), packets[direction(path)]);
  return since;
}

}  // namespace weft::cli
