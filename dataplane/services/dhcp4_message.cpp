#include "dataplane/services/dhcp4_message.hpp"

#include <algorithm>

#include "dataplane/services/bytes.hpp"

namespace weft::services {
namespace {

constexpr std::size_t kServerNameOffset = offsetof(Dhcp4Header, server_name);
constexpr std::size_t kBootFileOffset = offsetof(Dhcp4Header, boot_file);

/// What the options say, before anybody asks whether it makes sense together.
struct Dhcp4Options {
  Dhcp4Message& message;
  bool has_type = false;
  std::uint8_t overload = 0;
};

std::optional<Ipv4Address> address_of(Reader& value) {
  const Ipv4Address address{value.u32()};
  return value.ok() && value.left() == 0 ? std::optional(address) : std::nullopt;
}

/// One option; false when its length cannot be.
bool read_dhcp4_option(std::uint8_t code, std::span<const std::byte> bytes, Dhcp4Options& options) {
  Dhcp4Message& message = options.message;
  Reader value(bytes);
  switch (code) {
    case kOptionMessageType:
      message.type = static_cast<Dhcp4Type>(value.u8());
      options.has_type = true;
      return value.ok() && value.left() == 0;
    case kOptionRequestedAddress: return (message.requested = address_of(value)).has_value();
    case kOptionServerId: return (message.server = address_of(value)).has_value();
    case kOptionOverload:
      options.overload = value.u8();
      return value.ok() && value.left() == 0 && options.overload >= 1 && options.overload <= 3;
    case kOptionParameterList:
      if (message.parameters.empty()) message.parameters = bytes;
      return !bytes.empty();
    case kOptionMaxMessageSize:
      message.max_size = std::max<std::uint16_t>(message.max_size, value.u16());
      return value.ok() && value.left() == 0;
    case kOptionClientId:
      if (message.client_id.empty()) message.client_id = bytes;
      return bytes.size() >= 2;  // RFC 2132 9.14
    default: return true;
  }
}

/// Up to the end mark, or to the end of the field: some clients leave the mark out.
bool read_dhcp4_options(std::span<const std::byte> field, Dhcp4Options& options) {
  Reader reader(field);
  while (reader.left() > 0) {
    const std::uint8_t code = reader.u8();
    if (code == kOptionEnd) return true;
    if (code == kOptionPad) continue;
    const std::uint8_t length = reader.u8();
    const auto bytes = reader.take(length);
    if (!reader.ok() || !read_dhcp4_option(code, bytes, options)) return false;
  }
  return true;
}

}  // namespace

std::optional<Dhcp4Message> read_dhcp4(std::span<const std::byte> payload) noexcept {
  Reader reader(payload);
  Dhcp4Message message;
  const auto header = reader.read<Dhcp4Header>();
  message.header = header;
  if (!reader.ok() || header.cookie.host() != Dhcp4Header::kCookie) return std::nullopt;
  if (header.operation != Dhcp4Header::kRequest || header.hardware_type != Dhcp4Header::kEthernet ||
      header.hardware_length != 6)
    return std::nullopt;

  Dhcp4Options options{message};
  if (!read_dhcp4_options(reader.rest(), options)) return std::nullopt;
  // Dhcp4Options may go on in the fields that netboot left empty (RFC 2132 9.3); the file comes before the name (RFC
  // 3396 5).
  const std::uint8_t overload = options.overload;
  if ((overload & 1) != 0 && !read_dhcp4_options(payload.subspan(kBootFileOffset, header.boot_file.size()), options))
    return std::nullopt;
  if ((overload & 2) != 0 &&
      !read_dhcp4_options(payload.subspan(kServerNameOffset, header.server_name.size()), options))
    return std::nullopt;
  return options.has_type ? std::optional(message) : std::nullopt;
}

}  // namespace weft::services
