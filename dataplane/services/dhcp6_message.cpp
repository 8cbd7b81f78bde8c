#include "dataplane/services/dhcp6_message.hpp"

namespace weft::services {
namespace {

constexpr std::size_t kMostDuid = 130;  // RFC 8415 11.1: two bytes of type and at most 128

bool is_duid(std::span<const std::byte> id) { return id.size() > 2 && id.size() <= kMostDuid; }

bool read_association(const Dhcp6Option& option, Dhcp6Message& message) {
  Dhcp6Association association;
  association.option = option.code;
  Reader reader(option.data);
  association.id = reader.u32();
  if (option.code != kOption6IaTa) reader.take(8);  // T1 and T2: what the client would like does not matter
  association.options = reader.rest();
  if (!reader.ok()) return false;
  if (message.association_count == Dhcp6Message::kMostAssociations) return true;
  message.associations[message.association_count++] = association;
  return true;
}

bool read_dhcp6_option(const Dhcp6Option& option, Dhcp6Message& message) {
  switch (option.code) {
    case kOption6ClientId:
      if (!message.client_id.empty()) return false;
      message.client_id = option.data;
      return is_duid(option.data);
    case kOption6ServerId:
      if (!message.server_id.empty()) return false;
      message.server_id = option.data;
      return is_duid(option.data);
    case kOption6RequestList: message.wanted = option.data; return option.data.size() % 2 == 0;
    case kOption6RapidCommit: message.rapid_commit = true; return option.data.empty();
    case kOption6IaNa:
    case kOption6IaTa:
    case kOption6IaPd: return read_association(option, message);
    default: return true;
  }
}

}  // namespace

bool Dhcp6Message::wants(std::uint16_t option) const noexcept {
  Reader codes(wanted);
  while (codes.left() > 0)
    if (codes.u16() == option) return true;
  return false;
}

std::optional<Dhcp6Message> read_dhcp6(std::span<const std::byte> payload) noexcept {
  Reader reader(payload);
  Dhcp6Message message;
  message.type = static_cast<Dhcp6Type>(reader.u8());
  message.transaction = reader.read<std::array<std::byte, 3>>();
  if (!reader.ok()) return std::nullopt;
  // A relay's messages look different behind these four bytes, and a VPC has no relays.
  if (message.type == Dhcp6Type::kRelayForward || message.type == Dhcp6Type::kRelayReply) return message;
  const bool good = for_each_option(reader.rest(), [&](const Dhcp6Option& o) { return read_dhcp6_option(o, message); });
  return good ? std::optional(message) : std::nullopt;
}

}  // namespace weft::services
