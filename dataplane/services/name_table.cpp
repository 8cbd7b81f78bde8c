#include "dataplane/services/name_table.hpp"

#include <algorithm>

#include "dataplane/services/view.hpp"

namespace weft::services {
namespace {

std::string wire_of(const std::string& text) {
  Name name;
  return to_wire(text, name) ? std::string(name.view()) : std::string();
}

/// The zone of a VPC's CIDR: the reverse name it has when cut to an octet or a nibble.
IpPrefix zone_of(const IpPrefix& cidr) {
  const unsigned step = cidr.is_v4() ? 8 : 4;
  return IpPrefix::make(cidr.address, static_cast<std::uint8_t>(cidr.length / step * step));
}

}  // namespace

NameTable::NameTable(std::string_view domain, std::span<const IpPrefix> cidrs, std::span<const NamedHost> hosts,
                     std::span<const NameAlias> aliases, std::uint32_t serial)
    : serial_(serial) {
  const std::string text(domain.substr(0, domain.find(' ')));
  const std::string suffix = "." + text;
  domain_ = wire_of(text);
  name_server_ = wire_of("ns" + suffix);
  mailbox_ = wire_of("hostmaster" + suffix);
  for (const IpPrefix& cidr : cidrs) {
    const IpPrefix zone = zone_of(cidr);
    reverse_zones_.push_back({zone, reverse_name(zone)});
  }
  // Of two that claim one name the first has it, so EC2's names come before those that a user chose.
  const IpAddress resolvers[] = {IpAddress::from(kResolverV4), kResolverV6};
  if (!name_server_.empty()) add("ns" + suffix, resolvers);
  for (const NamedHost& host : hosts) add_host(host, suffix);
  for (const NameAlias& alias : aliases) add(alias.name, std::span(&alias.address, 1));
  for (const NamedHost& host : hosts) {
    add(host.name + suffix, host.addresses);
    add(host.name, host.addresses);
  }
  sort();
}

void NameTable::add_host(const NamedHost& host, const std::string& suffix) {
  add(host.id + suffix, host.addresses);
  for (const auto* list : {&host.addresses, &host.secondary}) {
    for (const IpAddress& address : *list) {
      if (!address.is_v4()) {
        add_pointer(address, host.id + suffix);
        continue;
      }
      const std::string name = address_label(address.v4()) + suffix;
      add(name, std::span(&address, 1));
      add_pointer(address, name);
    }
  }
}

void NameTable::add(const std::string& text, std::span<const IpAddress> addresses) {
  std::string wire = wire_of(text);
  if (wire.empty()) {
    ++left_out_;
    return;
  }
  entries_.push_back({std::move(wire), addresses_.size(), addresses.size()});
  addresses_.insert(addresses_.end(), addresses.begin(), addresses.end());
}

void NameTable::add_pointer(const IpAddress& address, const std::string& text) {
  std::string wire = wire_of(text);
  if (!wire.empty()) pointers_.push_back({address, std::move(wire)});
}

void NameTable::sort() {
  const auto keep_first_of_each = [](auto& list, auto key) {
    const auto less = [&](const auto& a, const auto& b) { return a.*key < b.*key; };
    const auto same = [&](const auto& a, const auto& b) { return a.*key == b.*key; };
    std::stable_sort(list.begin(), list.end(), less);
    list.erase(std::unique(list.begin(), list.end(), same), list.end());
  };
  keep_first_of_each(entries_, &Entry::name);
  keep_first_of_each(pointers_, &Pointer::address);
}

const NameTable::Entry* NameTable::find_entry(std::string_view name) const noexcept {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), name,
                                   [](const Entry& entry, std::string_view wanted) { return entry.name < wanted; });
  return at != entries_.end() && at->name == name ? &*at : nullptr;
}

NameTable::Found NameTable::find(std::string_view name) const noexcept {
  Found found;
  const bool ours = is_within(name, domain_);
  if (ours) found.zone = domain_;
  if (const Entry* entry = find_entry(name)) {
    found.kind = Kind::kName;
    found.addresses = std::span(addresses_).subspan(entry->first, entry->count);
    return found;
  }
  if (const auto asked = reverse_of(name)) return find_reverse(*asked, name);
  // A name of one label is an instance's or nobody's: asking the root for it is what forwarding nothing forbids.
  const bool one_label = !parent(name).empty() && parent(parent(name)).empty();
  if (ours || one_label) found.kind = name == domain_ ? Kind::kApex : Kind::kNoName;
  return found;
}

NameTable::Found NameTable::find_reverse(const IpPrefix& asked, std::string_view name) const noexcept {
  const auto zone = std::find_if(reverse_zones_.begin(), reverse_zones_.end(),
                                 [&](const ReverseZone& z) { return z.prefix.contains(asked); });
  if (zone == reverse_zones_.end()) return {};
  Found found;
  found.zone = zone->name;
  found.kind = Kind::kNoName;
  const auto at = std::lower_bound(pointers_.begin(), pointers_.end(), asked.address,
                                   [](const Pointer& p, const IpAddress& wanted) { return p.address < wanted; });
  if (at != pointers_.end() && asked.contains(at->address)) {  // itself, or the first of those below it
    found.kind = Kind::kName;
    if (asked.length == 128) found.pointer = at->name;
  }
  if (name == zone->name) found.kind = Kind::kApex;
  return found;
}

std::string public_dns_name(Ipv4Address public_address) {
  std::string name = "ec2-" + public_address.to_string();
  std::replace(name.begin(), name.end(), '.', '-');
  return name + ".compute-1.amazonaws.com";
}

}  // namespace weft::services
