#include "dataplane/services/dns_name.hpp"

#include <cstdio>
#include <cstring>

namespace weft::services {
namespace {

constexpr std::string_view kInAddrArpa("\7in-addr\4arpa\0", 14);
constexpr std::string_view kIp6Arpa("\3ip6\4arpa\0", 10);
constexpr std::string_view kHexDigits = "0123456789abcdef";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
unsigned byte_at(std::span<const std::byte> message, std::size_t at) { return std::to_integer<unsigned>(message[at]); }

/// "0" to "255", without leading zeros: 10.0.01.4 has no second name.
std::optional<std::uint8_t> octet_of(std::string_view label) {
  if (label.empty() || label.size() > 3 || (label.size() > 1 && label.front() == '0')) return std::nullopt;
  unsigned value = 0;
  for (const char c : label) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 255 ? std::optional(static_cast<std::uint8_t>(value)) : std::nullopt;
}

/// Labels in front of `zone`, nearest to it first; nothing when there are more than `most`.
struct Labels {
  std::array<std::string_view, 32> label;
  std::size_t count = 0;
};
std::optional<Labels> labels_before(std::string_view wire, std::string_view zone, std::size_t most) {
  Labels found;
  for (; wire.size() > zone.size(); wire = parent(wire)) {
    if (found.count == most) return std::nullopt;
    found.label[found.count++] = first_label(wire);
  }
  for (std::size_t i = 0; i < found.count / 2; ++i) std::swap(found.label[i], found.label[found.count - 1 - i]);
  return found;
}

}  // namespace

bool Name::append(std::string_view label) noexcept {
  if (label.empty() || label.size() > kMostLabel || length + 1 + label.size() + 1 > kMost) return false;
  wire[length++] = static_cast<char>(label.size());
  for (const char c : label) wire[length++] = lower(c);
  return true;
}

bool Name::finish() noexcept {
  if (length + 1 > kMost) return false;
  wire[length++] = '\0';
  return true;
}

std::size_t read_name(std::span<const std::byte> message, std::size_t at, Name& name) noexcept {
  name.length = 0;
  std::size_t after = 0;   // the name where it stands; known at the first pointer
  std::size_t piece = at;  // where the labels that are being read begin
  while (at < message.size()) {
    const unsigned length = byte_at(message, at);
    if ((length & 0xc0) == 0xc0) {
      if (at + 1 >= message.size()) return 0;
      const std::size_t target = (length & 0x3f) << 8 | byte_at(message, at + 1);
      if (after == 0) after = at + 2;
      if (target >= piece || target < kDnsHeaderBytes) return 0;
      piece = at = target;
      continue;
    }
    if (length == 0) {
      if (!name.finish()) return 0;
      return after == 0 ? at + 1 : after;
    }
    if (length > Name::kMostLabel || at + 1 + length > message.size()) return 0;
    const auto label = message.subspan(at + 1, length);
    if (!name.append({reinterpret_cast<const char*>(label.data()), label.size()})) return 0;
    at += 1 + length;
  }
  return 0;
}

bool to_wire(std::string_view text, Name& name) noexcept {
  name.length = 0;
  text = text.substr(0, text.find(' '));
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  while (!text.empty()) {
    const std::size_t dot = text.find('.');
    if (!name.append(text.substr(0, dot))) return false;
    if (dot == text.npos) break;
    text.remove_prefix(dot + 1);
    if (text.empty()) return false;  // "a.." after its last dot was taken
  }
  return name.length > 0 && name.finish();
}

std::string address_label(Ipv4Address address) {
  std::string label = "ip-" + address.to_string();
  for (char& c : label)
    if (c == '.') c = '-';
  return label;
}

std::string_view first_label(std::string_view wire) noexcept {
  return wire.empty() ? wire : wire.substr(1, static_cast<unsigned char>(wire[0]));
}

std::string_view parent(std::string_view wire) noexcept {
  const std::string_view label = first_label(wire);
  return label.empty() ? std::string_view{} : wire.substr(1 + label.size());
}

bool is_within(std::string_view wire, std::string_view zone) noexcept {
  while (wire.size() > zone.size()) wire = parent(wire);
  return !zone.empty() && wire == zone;
}

std::optional<IpPrefix> reverse_of(std::string_view wire) noexcept {
  const bool v4 = is_within(wire, kInAddrArpa);
  if (!v4 && !is_within(wire, kIp6Arpa)) return std::nullopt;
  const auto labels = labels_before(wire, v4 ? kInAddrArpa : kIp6Arpa, v4 ? 4 : 32);
  if (!labels) return std::nullopt;
  IpAddress address = v4 ? IpAddress::from({}) : IpAddress{};
  for (std::size_t i = 0; i < labels->count; ++i) {
    const std::string_view label = labels->label[i];
    if (v4) {
      const auto octet = octet_of(label);
      if (!octet) return std::nullopt;
      address.octets[12 + i] = *octet;
    } else {
      const std::size_t nibble = label.size() == 1 ? kHexDigits.find(label[0]) : kHexDigits.npos;
      if (nibble == kHexDigits.npos) return std::nullopt;
      address.octets[i / 2] = static_cast<std::uint8_t>(address.octets[i / 2] | nibble << (i % 2 == 0 ? 4 : 0));
    }
  }
  return IpPrefix{address, static_cast<std::uint8_t>(v4 ? 96 + 8 * labels->count : 4 * labels->count)};
}

std::string reverse_name(const IpPrefix& prefix) {
  std::string wire;
  const auto add = [&](const std::string& label) { wire += static_cast<char>(label.size()) + label; };
  if (prefix.is_v4()) {
    for (unsigned i = prefix.v4_length() / 8; i > 0; --i) add(std::to_string(prefix.address.octets[11 + i]));
    return wire + std::string(kInAddrArpa);
  }
  for (unsigned i = prefix.length / 4U; i > 0; --i) {
    const unsigned octet = prefix.address.octets[(i - 1) / 2];
    add(std::string(1, kHexDigits[(i - 1) % 2 == 0 ? octet >> 4 : octet & 0xf]));
  }
  return wire + std::string(kIp6Arpa);
}

}  // namespace weft::services
