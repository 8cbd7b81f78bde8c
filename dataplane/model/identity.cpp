#include "dataplane/model/identity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace weft {
namespace {

// FNV-1a, then the finaliser of MurmurHash3, so that names that differ in one digit share no digits.
std::uint64_t hash(std::string_view text, std::uint64_t salt) {
  std::uint64_t h = 0xcbf29ce484222325ULL ^ salt;
  for (unsigned char c : text) h = (h ^ c) * 0x100000001b3ULL;
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return h ^ (h >> 33);
}

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string make_id(std::string_view prefix, std::string_view seed) {
  const std::string full = fmt::format("{}/{}", prefix, seed);
  return fmt::format("{}0{:016x}", prefix, hash(full, 0));  // ids seen on EC2 begin with 0
}

std::uint64_t id_number(std::string_view id) { return hash(id, 0); }

MacAddress make_mac(std::string_view seed) {
  const std::uint64_t h = hash(seed, 0x4d4143);
  MacAddress mac{{0x02}};
  for (std::size_t i = 1; i < 6; ++i) mac.octets[i] = static_cast<std::uint8_t>(h >> (8 * i));
  return mac;
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 63 || name.front() == '-' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool looks_like_id(std::string_view name) {
  for (std::string_view prefix : {"i-", "eni-"}) {
    if (name.substr(0, prefix.size()) != prefix) continue;
    const std::string_view rest = name.substr(prefix.size());
    if (rest.size() >= 8 && std::all_of(rest.begin(), rest.end(), is_hex)) return true;
  }
  return false;
}

}  // namespace weft
