#include "dataplane/services/dhcp4.hpp"

#include <algorithm>
#include <cstdio>

#include "dataplane/services/bytes.hpp"
#include "dataplane/services/dhcp4_message.hpp"

namespace weft::services {
namespace {

constexpr std::size_t kBootpPayload = 300;    // no client gets less (RFC 1542 2.1)
constexpr std::size_t kIpAndUdpHeaders = 28;  // a client's maximum size counts them (RFC 2131 2)
constexpr std::size_t kMostServers = 63;      // of one option's 255 bytes

Ipv4Address mask_of(const ServiceView& view) {
  return {view.prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - view.prefix_length)};
}
Ipv4Address broadcast_of(const ServiceView& view) { return {view.address.value | ~mask_of(view).value}; }

/// Options of one answer. What does not fit any more is left out; the mandatory ones come first and always fit.
class OptionWriter {
 public:
  OptionWriter(Writer& out, std::span<const std::byte> wanted) : out_(out), wanted_(wanted) {}

  void byte(std::uint8_t code, std::uint8_t value) { raw(code, std::as_bytes(std::span(&value, 1))); }
  void number16(std::uint8_t code, std::uint16_t value) { field(code, Be16(value)); }
  void number(std::uint8_t code, std::uint32_t value) { field(code, Be32(value)); }
  void address(std::uint8_t code, Ipv4Address value) { field(code, Be32(value.value)); }
  void text(std::uint8_t code, std::string_view value) {
    if (!value.empty()) raw(code, std::as_bytes(std::span(value)));
  }
  void addresses(std::uint8_t code, std::span<const Ipv4Address> list, Ipv4Address otherwise) {
    if (list.empty()) return address(code, otherwise);
    const std::size_t count = std::min(list.size(), kMostServers);
    const std::size_t before = out_.size();
    out_.u8(code);
    out_.u8(static_cast<std::uint8_t>(count * 4));
    for (const Ipv4Address server : list.first(count)) out_.u32(server.value);
    keep_if_it_fits(before);
  }
  void raw(std::uint8_t code, std::span<const std::byte> value) {
    if (value.size() > 255) return;
    const std::size_t before = out_.size();
    out_.u8(code);
    out_.u8(static_cast<std::uint8_t>(value.size()));
    out_.bytes(value);
    keep_if_it_fits(before);
  }
  /// A client that lists what it wants gets that and no more; one without a list gets everything.
  bool wants(std::uint8_t code) const {
    return wanted_.empty() || std::find(wanted_.begin(), wanted_.end(), std::byte{code}) != wanted_.end();
  }

 private:
  template <typename Field>
  void field(std::uint8_t code, Field value) {
    raw(code, std::as_bytes(std::span(&value, 1)));
  }
  void keep_if_it_fits(std::size_t before) {
    if (!out_.ok() || out_.left() < 1) out_.rewind(before);  // the end mark needs its byte
  }

  Writer& out_;
  std::span<const std::byte> wanted_;
};

void write_lease(OptionWriter& options, const ServiceView& view) {
  options.number(kOptionLeaseTime, view.lease_s);
  options.number(kOptionRenewalTime, view.lease_s / 2);  // RFC 2131 4.4.5
  options.number(kOptionRebindingTime, view.lease_s / 8 * 7);
}

void write_configuration(OptionWriter& options, const ServiceView& view) {
  // The mask must come before the router (RFC 2132 3.3).
  if (options.wants(kOptionSubnetMask)) options.address(kOptionSubnetMask, mask_of(view));
  if (options.wants(kOptionRouter)) options.address(kOptionRouter, view.router);
  if (options.wants(kOptionDomainNameServers))
    options.addresses(kOptionDomainNameServers, view.domain_name_servers, view.resolver);
  if (options.wants(kOptionMtu)) options.number16(kOptionMtu, view.mtu);
  if (options.wants(kOptionBroadcast)) options.address(kOptionBroadcast, broadcast_of(view));
  if (options.wants(kOptionHostName)) {
    char host[sizeof "ip-255-255-255-255"];
    const std::uint32_t ip = view.address.value;
    const int length =
        std::snprintf(host, sizeof host, "ip-%u-%u-%u-%u", ip >> 24, ip >> 16 & 0xff, ip >> 8 & 0xff, ip & 0xff);
    options.text(kOptionHostName, {host, static_cast<std::size_t>(length)});
  }
  if (options.wants(kOptionDomainName)) options.text(kOptionDomainName, view.domain_name);
  if (options.wants(kOptionNtpServers)) options.addresses(kOptionNtpServers, view.ntp_servers, kTimeV4);
}

/// RFC 2131 table 3. `yours` is 0 where the client keeps the address it has, or is refused.
Answer write_answer(const ServiceView& view, const Dhcp4Message& request, Dhcp4Type type, std::span<std::byte> room) {
  const std::size_t most = std::max<std::size_t>(request.max_size - kIpAndUdpHeaders, kBootpPayload);
  Writer out(room.first(std::min(room.size(), most)));
  const bool nak = type == Dhcp4Type::kNak;
  const bool inform = request.type == Dhcp4Type::kInform;

  Dhcp4Header header;
  header.operation = Dhcp4Header::kReply;
  header.transaction = request.header.transaction;
  header.flags = request.header.flags;
  if (type == Dhcp4Type::kAck) header.client = request.header.client;
  if (!nak && !inform) header.yours = Be32(view.address.value);
  header.client_mac = request.header.client_mac;
  header.cookie = Be32(Dhcp4Header::kCookie);
  out.write(header);
  if (!out.ok()) return Answer::dropped(Refusal::kNoRoom);

  OptionWriter options(out, request.parameters);
  options.byte(kOptionMessageType, static_cast<std::uint8_t>(type));
  options.address(kOptionServerId, view.router);
  if (!nak && !inform) write_lease(options, view);
  if (!request.client_id.empty()) options.raw(kOptionClientId, request.client_id);  // RFC 6842 3
  if (nak) {
    options.text(kOptionMessage, "the interface has another address");
  } else {
    write_configuration(options, view);
  }
  out.u8(kOptionEnd);
  if (out.ok() && out.size() < kBootpPayload) out.zeros(kBootpPayload - out.size());
  return out.ok() ? Answer::answered(out.size()) : Answer::dropped(Refusal::kNoRoom);
}

/// RFC 2131 4.3.2, table 4: the state a client is in shows in which fields it fills. Nothing: `silence` says why.
std::optional<Dhcp4Type> decide_request(const ServiceView& view, const Dhcp4Message& request, Answer& silence) {
  const Ipv4Address client{request.header.client.host()};
  if (request.server && *request.server != view.router) {  // SELECTING, and it takes another server's offer
    silence = Answer::consumed();
    return std::nullopt;
  }
  // SELECTING and INIT-REBOOT ask for an address that they do not use yet; RENEWING and REBINDING use theirs.
  const bool asks = request.requested.has_value();
  if (asks == (client.value != 0) || (request.server && !asks)) {
    silence = Answer::dropped(Refusal::kMalformed);
    return std::nullopt;
  }
  return (asks ? *request.requested : client) == view.address ? Dhcp4Type::kAck : Dhcp4Type::kNak;
}

std::optional<Dhcp4Type> decide(const ServiceView& view, const Dhcp4Message& request, Answer& silence) {
  switch (request.type) {
    case Dhcp4Type::kDiscover: return Dhcp4Type::kOffer;
    case Dhcp4Type::kRequest: return decide_request(view, request, silence);
    case Dhcp4Type::kInform: return Dhcp4Type::kAck;
    case Dhcp4Type::kDecline:  // the address stays the ENI's: there is no pool to take another from
    case Dhcp4Type::kRelease: silence = Answer::consumed(); return std::nullopt;
    case Dhcp4Type::kOffer:
    case Dhcp4Type::kAck:
    case Dhcp4Type::kNak: break;
  }
  silence = Answer::dropped(Refusal::kNotARequest);
  return std::nullopt;
}

/// RFC 2131 4.1: to an address that the client surely has, or by its MAC to the one it gets; a NAK to everybody.
Dhcp4Target target_of(const ServiceView& view, const Dhcp4Header& request, bool nak) {
  constexpr Ipv4Address kEverybody{0xffffffff};
  if (nak) return {kEverybody, MacAddress::broadcast()};
  if (request.client.host() != 0) return {{request.client.host()}, request.client_mac};
  if ((request.flags.host() & Dhcp4Header::kBroadcastFlag) != 0) return {kEverybody, MacAddress::broadcast()};
  return {view.address, request.client_mac};
}

}  // namespace

Answer answer_dhcp4(const ServiceView& view, std::span<const std::byte> payload, std::span<std::byte> out,
                    Dhcp4Target& target) noexcept {
  const auto request = read_dhcp4(payload);
  if (!request) return Answer::dropped(Refusal::kMalformed);
  if (view.address.value == 0) return Answer::dropped(Refusal::kNoAddress);
  // A VPC has no relays, and an ENI has one MAC: a lease for another would be dropped as spoofed at the first packet.
  if (request->header.relay.host() != 0 || request->header.client_mac != view.mac)
    return Answer::dropped(Refusal::kNotYours);

  Answer silence;
  const auto type = decide(view, *request, silence);
  if (!type) return silence;
  target = target_of(view, request->header, *type == Dhcp4Type::kNak);
  return write_answer(view, *request, *type, out);
}

}  // namespace weft::services
