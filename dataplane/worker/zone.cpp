#include "dataplane/worker/zone.hpp"

#include <array>
#include <utility>

namespace weft {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kDirections = {{{"ne", "northeast"},
                                                                                      {"nw", "northwest"},
                                                                                      {"se", "southeast"},
                                                                                      {"sw", "southwest"},
                                                                                      {"n", "north"},
                                                                                      {"s", "south"},
                                                                                      {"e", "east"},
                                                                                      {"w", "west"},
                                                                                      {"c", "central"}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

/// "use1" to "us-east-1".
std::string region_of_short(std::string_view text) {
  if (text.size() < 4 || !is_digit(text.back())) return "";
  const std::string_view middle = text.substr(2, text.size() - 3);
  for (const auto& [letters, word] : kDirections)
    if (middle == letters) return std::string(text.substr(0, 2)).append("-").append(word).append("-") + text.back();
  return "";
}

/// "us-east-1" to "use1".
std::string short_of_region(std::string_view region) {
  const auto first = region.find('-'), last = region.rfind('-');
  if (first != 2 || last == first || last + 2 != region.size()) return "";
  const std::string_view middle = region.substr(first + 1, last - first - 1);
  for (const auto& [letters, word] : kDirections)
    if (middle == word) return std::string(region.substr(0, 2)).append(letters) + region.back();
  return "";
}

}  // namespace

ZoneLabel zone_of(std::string_view label) {
  ZoneLabel zone;
  if (const auto az = label.find("-az"); az != label.npos && az + 4 == label.size() && is_digit(label.back())) {
    zone.id = label;
    zone.region = region_of_short(label.substr(0, az));
    if (!zone.region.empty() && label.back() != '0')
      zone.name = zone.region + static_cast<char>('a' + label.back() - '1');
    return zone;
  }
  zone.name = label;
  if (label.size() < 2 || !is_letter(label.back()) || !is_digit(label[label.size() - 2])) return zone;
  zone.region = label.substr(0, label.size() - 1);
  if (const std::string code = short_of_region(zone.region); !code.empty() && label.back() <= 'i')
    zone.id = code + "-az" + static_cast<char>('1' + label.back() - 'a');
  return zone;
}

}  // namespace weft
