#include "dataplane/services/dhcp6.hpp"

#include <algorithm>

#include "dataplane/services/bytes.hpp"
#include "dataplane/services/dhcp6_message.hpp"
#include "dataplane/services/dns_name.hpp"

namespace weft::services {
namespace {

/// DUID-LL of the router (RFC 8415 11.4): the same for ever, and the same for every ENI of the subnet.
struct ServerDuid {
  Be16 type{3};
  Be16 hardware{1};
  MacAddress mac;
};
static_assert(sizeof(ServerDuid) == 10);

struct AddressOption {
  IpAddress address;
  Be32 preferred_s;
  Be32 valid_s;
};
static_assert(sizeof(AddressOption) == 24);

struct PrefixOption {
  Be32 preferred_s;
  Be32 valid_s;
  std::uint8_t length = 0;
  IpAddress prefix;
};
static_assert(sizeof(PrefixOption) == 25);

/// An option whose length is known when it has been written.
class OpenOption {
 public:
  OpenOption(Writer& out, std::uint16_t code) : out_(out) {
    out_.u16(code);
    length_at_ = out_.size();
    out_.u16(0);
  }
  ~OpenOption() {
    if (out_.ok()) out_.patch_u16(length_at_, static_cast<std::uint16_t>(out_.size() - length_at_ - 2));
  }
  OpenOption(const OpenOption&) = delete;
  OpenOption& operator=(const OpenOption&) = delete;

 private:
  Writer& out_;
  std::size_t length_at_ = 0;
};

void write_status(Writer& out, Dhcp6Status status, std::string_view sentence) {
  const OpenOption option(out, kOption6Status);
  out.u16(static_cast<std::uint16_t>(status));
  out.text(sentence);
}

void write_option(Writer& out, std::uint16_t code, std::span<const std::byte> data) {
  const OpenOption option(out, code);
  out.bytes(data);
}

void write_address(Writer& out, const IpAddress& ip, std::uint32_t preferred_s, std::uint32_t valid_s) {
  const OpenOption option(out, kOption6IaAddress);
  out.write(AddressOption{ip, Be32(preferred_s), Be32(valid_s)});
}

void write_prefix(Writer& out, const IpPrefix& prefix, std::uint32_t preferred_s, std::uint32_t valid_s) {
  const OpenOption option(out, kOption6IaPrefix);
  out.write(PrefixOption{Be32(preferred_s), Be32(valid_s), prefix.length, prefix.address});
}

/// Calls `each(address)` for the addresses that the client names in an association; false when one is cut short.
template <typename Each>
bool for_each_address(const Dhcp6Association& association, Each each) {
  return for_each_option(association.options, [&](const Dhcp6Option& option) {
    if (option.code != kOption6IaAddress) return true;
    Reader reader(option.data);
    const auto named = reader.read<AddressOption>();
    if (reader.ok()) each(named.address);
    return reader.ok();
  });
}

template <typename Each>
bool for_each_prefix(const Dhcp6Association& association, Each each) {
  return for_each_option(association.options, [&](const Dhcp6Option& option) {
    if (option.code != kOption6IaPrefix) return true;
    Reader reader(option.data);
    const auto named = reader.read<PrefixOption>();
    const bool good = reader.ok() && named.length <= 128;
    if (good) each(IpPrefix::make(named.prefix, named.length));
    return good;
  });
}

bool has_address(const ServiceView& view, const IpAddress& ip) {
  return std::find(view.ipv6_addresses.begin(), view.ipv6_addresses.end(), ip) != view.ipv6_addresses.end();
}
bool has_prefix(const ServiceView& view, const IpPrefix& prefix) {
  return std::find(view.ipv6_prefixes.begin(), view.ipv6_prefixes.end(), prefix) != view.ipv6_prefixes.end();
}

void write_times(Writer& out, const ServiceView& view, bool leased) {
  out.u32(leased ? view.ipv6_preferred_s / 2 : 0);  // T1 and T2, RFC 8415 21.4
  out.u32(leased ? view.ipv6_preferred_s / 5 * 4 : 0);
}

/// The ENI's addresses that the client already has, or its first; and an end to those that are not the ENI's
/// (RFC 8415 18.3.4). False when the client's list is not well-formed.
bool write_addresses(Writer& out, const ServiceView& view, const Dhcp6Association& association) {
  const bool leased = !view.ipv6_addresses.empty();
  out.u32(association.id);
  write_times(out, view, leased);
  bool kept = false;
  const bool good = for_each_address(association, [&](const IpAddress& named) {
    const bool own = has_address(view, named);
    kept = kept || own;
    if (own) return write_address(out, named, view.ipv6_preferred_s, view.ipv6_valid_s);
    if (named != IpAddress{}) write_address(out, named, 0, 0);
  });
  if (!leased) {
    write_status(out, Dhcp6Status::kNoAddresses, "the interface has no IPv6 address");
  } else if (!kept) {
    write_address(out, view.ipv6_addresses.front(), view.ipv6_preferred_s, view.ipv6_valid_s);
  }
  return good;
}

bool write_prefixes(Writer& out, const ServiceView& view, const Dhcp6Association& association) {
  const bool leased = !view.ipv6_prefixes.empty();
  out.u32(association.id);
  write_times(out, view, leased);
  for (const IpPrefix& prefix : view.ipv6_prefixes) write_prefix(out, prefix, view.ipv6_preferred_s, view.ipv6_valid_s);
  const bool good = for_each_prefix(association, [&](const IpPrefix& named) {
    // ::/80 is a wish for a length (RFC 8415 18.2.1), not a prefix that somebody has.
    if (named.address != IpAddress{} && !has_prefix(view, named)) write_prefix(out, named, 0, 0);
  });
  if (!leased) write_status(out, Dhcp6Status::kNoPrefixes, "the interface has no delegated prefix");
  return good;
}

bool write_associations(Writer& out, const ServiceView& view, const Dhcp6Message& request) {
  for (const Dhcp6Association& association : request.asked()) {
    const OpenOption option(out, association.option);
    if (association.option == kOption6IaNa) {
      if (!write_addresses(out, view, association)) return false;
    } else if (association.option == kOption6IaPd) {
      if (!write_prefixes(out, view, association)) return false;
    } else {
      out.u32(association.id);
      write_status(out, Dhcp6Status::kNoAddresses, "a VPC has no temporary addresses");
    }
  }
  return true;
}

/// Release and Decline change nothing, since the address is the ENI's; what it never had is named (RFC 8415 18.3.7).
bool write_releases(Writer& out, const ServiceView& view, const Dhcp6Message& request) {
  for (const Dhcp6Association& association : request.asked()) {
    bool bound = true;
    bool good = true;
    if (association.option == kOption6IaPd) {
      good = for_each_prefix(association, [&](const IpPrefix& named) { bound = bound && has_prefix(view, named); });
    } else {
      good = for_each_address(association, [&](const IpAddress& named) { bound = bound && has_address(view, named); });
    }
    if (!good) return false;
    if (bound) continue;
    const OpenOption option(out, association.option);
    out.u32(association.id);
    if (association.option != kOption6IaTa) write_times(out, view, false);
    write_status(out, Dhcp6Status::kNoBinding, "the interface does not have this address");
  }
  write_status(out, Dhcp6Status::kSuccess, "");
  return true;
}

/// RFC 8415 18.3.3. What fits an ENI's link are the ENI's own addresses: any other is dropped as spoofed.
Answer write_confirmation(Writer& out, const ServiceView& view, const Dhcp6Message& request) {
  bool any = false;
  bool all = true;
  for (const Dhcp6Association& association : request.asked()) {
    if (association.option == kOption6IaPd) continue;
    if (!for_each_address(association, [&](const IpAddress& named) {
          any = true;
          all = all && has_address(view, named);
        }))
      return Answer::dropped(Refusal::kMalformed);
  }
  if (!any) return Answer::consumed();  // nothing to confirm: "the server MUST NOT send a reply"
  write_status(out, all ? Dhcp6Status::kSuccess : Dhcp6Status::kNotOnLink, "");
  return Answer::answered(0);
}

void write_configuration(Writer& out, const ServiceView& view, const Dhcp6Message& request) {
  if (request.wants(kOption6DnsServers))
    write_option(out, kOption6DnsServers, std::as_bytes(std::span(kResolverV6.octets)));
  Name domain;
  if (request.wants(kOption6DomainList) && to_wire(view.domain_name, domain))
    write_option(out, kOption6DomainList, std::as_bytes(std::span(domain.view())));
  if (request.wants(kOption6SntpServers))
    write_option(out, kOption6SntpServers, std::as_bytes(std::span(kTimeV6.octets)));
  if (request.wants(kOption6NtpServer)) {
    constexpr std::uint16_t kServerAddress = 1;  // RFC 5908 4.1
    const OpenOption option(out, kOption6NtpServer);
    write_option(out, kServerAddress, std::as_bytes(std::span(kTimeV6.octets)));
  }
  if (request.wants(kOption6RefreshTime) && request.type == Dhcp6Type::kInformationRequest) {
    const OpenOption option(out, kOption6RefreshTime);
    out.u32(std::max<std::uint32_t>(view.lease_s, 600));  // at least 600, RFC 8415 7.6
  }
}

/// RFC 8415 16.2 to 16.12: which messages must name this server, which must not, and which must name the client.
bool speaks_to_us(const Dhcp6Message& request, std::span<const std::byte> server) {
  const bool ours = std::equal(server.begin(), server.end(), request.server_id.begin(), request.server_id.end());
  switch (request.type) {
    case Dhcp6Type::kSolicit:
    case Dhcp6Type::kConfirm:
    case Dhcp6Type::kRebind: return request.server_id.empty() && !request.client_id.empty();
    case Dhcp6Type::kRequest:
    case Dhcp6Type::kRenew:
    case Dhcp6Type::kRelease:
    case Dhcp6Type::kDecline: return ours && !request.client_id.empty();
    case Dhcp6Type::kInformationRequest: return (ours || request.server_id.empty()) && request.association_count == 0;
    default: return false;
  }
}

bool is_client_message(Dhcp6Type type) {
  switch (type) {
    case Dhcp6Type::kSolicit:
    case Dhcp6Type::kRequest:
    case Dhcp6Type::kConfirm:
    case Dhcp6Type::kRenew:
    case Dhcp6Type::kRebind:
    case Dhcp6Type::kRelease:
    case Dhcp6Type::kDecline:
    case Dhcp6Type::kInformationRequest: return true;
    default: return false;
  }
}

/// Those that a client may only ever send to everybody are dropped, the others are told so (RFC 8415 16, 18.3).
bool may_be_told_to_multicast(Dhcp6Type type) {
  return type == Dhcp6Type::kRequest || type == Dhcp6Type::kRenew || type == Dhcp6Type::kRelease ||
         type == Dhcp6Type::kDecline;
}

/// Everything behind the two identifiers.
Answer write_body(Writer& out, const ServiceView& view, const Dhcp6Message& request, bool unicast) {
  bool good = true;
  if (unicast) {
    write_status(out, Dhcp6Status::kUseMulticast, "");
    return Answer::answered(0);
  }
  switch (request.type) {
    case Dhcp6Type::kConfirm: return write_confirmation(out, view, request);
    case Dhcp6Type::kRelease:
    case Dhcp6Type::kDecline: good = write_releases(out, view, request); break;
    default: good = write_associations(out, view, request); break;
  }
  if (!good) return Answer::dropped(Refusal::kMalformed);
  write_configuration(out, view, request);
  return Answer::answered(0);
}

}  // namespace

Answer answer_dhcp6(const ServiceView& view, std::span<const std::byte> payload, bool unicast,
                    std::span<std::byte> out) noexcept {
  const auto request = read_dhcp6(payload);
  if (!request) return Answer::dropped(Refusal::kMalformed);
  if (!is_client_message(request->type)) return Answer::dropped(Refusal::kNotARequest);
  if (!view.ipv6_cidr) return Answer::dropped(Refusal::kNoAddress);
  ServerDuid server;
  server.mac = view.router_mac;
  const auto server_id = std::as_bytes(std::span(&server, 1));
  if (!speaks_to_us(*request, server_id)) return Answer::dropped(Refusal::kNotYours);
  if (unicast && !may_be_told_to_multicast(request->type)) return Answer::dropped(Refusal::kNotYours);

  const bool rapid = request->type == Dhcp6Type::kSolicit && request->rapid_commit;
  const bool advertise = request->type == Dhcp6Type::kSolicit && !rapid;
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(advertise ? Dhcp6Type::kAdvertise : Dhcp6Type::kReply));
  writer.write(request->transaction);
  write_option(writer, kOption6ServerId, server_id);
  if (!request->client_id.empty()) write_option(writer, kOption6ClientId, request->client_id);
  if (rapid) write_option(writer, kOption6RapidCommit, {});
  const Answer body = write_body(writer, view, *request, unicast);
  if (body.outcome != Answer::Outcome::kAnswered) return body;
  return writer.ok() ? Answer::answered(writer.size()) : Answer::dropped(Refusal::kNoRoom);
}

}  // namespace weft::services
