// The names that the VPC's resolver knows. Built once, on the control thread, from plain values; immutable, and lookups
// do not allocate.
//
// An instance is known, within the VPC's domain, as EC2 names it (facts ec2 1.1): "ip-10-0-1-4" for each of its private
// IPv4 addresses and "i-0123..." for itself; and as the topology names it: "node-0", also without the domain. PTR gives
// the ip- name of an IPv4 address and the i- name of an IPv6 one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/address.hpp"
#include "dataplane/services/dns_name.hpp"

namespace weft::services {

struct NamedHost {
  std::string name;                  // "node-0"
  std::string id;                    // "i-0123..."
  std::vector<IpAddress> addresses;  // what name and id resolve to: the primary ENI's primary IPv4, its IPv6
  std::vector<IpAddress> secondary;  // of any of its ENIs: they have ip- names and PTRs only
};

/// A name outside the domain: "ec2-203-0-113-5.compute-1.amazonaws.com", for the private address (facts ec2 1.1).
struct NameAlias {
  std::string name;
  IpAddress address;
};

class NameTable {
 public:
  /// `cidrs` are the VPC's, for the reverse zones. A name that cannot be one in the DNS is left out and counted.
  NameTable(std::string_view domain, std::span<const IpPrefix> cidrs, std::span<const NamedHost> hosts,
            std::span<const NameAlias> aliases = {}, std::uint32_t serial = 1);

  enum class Kind : std::uint8_t {
    kForeign,  // not ours to know: refused
    kNoName,   // ours, and nobody has it
    kName,     // exists; may have no records of the type that is asked for
    kApex,     // of the VPC's domain or a reverse zone: has SOA and NS
  };
  struct Found {
    Kind kind = Kind::kForeign;
    std::span<const IpAddress> addresses;  // A and AAAA
    std::string_view pointer;              // PTR, in wire form; empty: none
    std::string_view zone;                 // what a negative answer's SOA is of; empty: none
  };
  /// `name` in wire form and lower case, as Name has it.
  Found find(std::string_view name) const noexcept;

  std::string_view name_server() const noexcept { return name_server_; }  // "ns.<domain>", wire form
  std::string_view mailbox() const noexcept { return mailbox_; }          // "hostmaster.<domain>"
  std::uint32_t serial() const noexcept { return serial_; }
  std::size_t left_out() const noexcept { return left_out_; }

 private:
  struct Entry {
    std::string name;                  // wire form
    std::size_t first = 0, count = 0;  // in addresses_
  };
  struct Pointer {
    IpAddress address;
    std::string name;
  };
  struct ReverseZone {
    IpPrefix prefix;  // ends at an octet or nibble
    std::string name;
  };

  void add(const std::string& text, std::span<const IpAddress> addresses);
  void add_host(const NamedHost& host, const std::string& suffix);
  void add_pointer(const IpAddress& address, const std::string& text);
  void sort();
  const Entry* find_entry(std::string_view name) const noexcept;
  Found find_reverse(const IpPrefix& asked, std::string_view name) const noexcept;

  std::vector<Entry> entries_;     // by name
  std::vector<Pointer> pointers_;  // by address
  std::vector<ReverseZone> reverse_zones_;
  std::vector<IpAddress> addresses_;
  std::string domain_, name_server_, mailbox_;
  std::uint32_t serial_;
  std::size_t left_out_ = 0;
};

/// "ec2-203-0-113-5.compute-1.amazonaws.com".
std::string public_dns_name(Ipv4Address public_address);

}  // namespace weft::services
