// An engine without threads, ring ports for guests and a clock that stands still: so that a test sees the whole effect
// of each packet. `changes()` is the difference of every counter and table since the last look, by name; a change that a
// test does not list fails it.
//
// Guests: a, b, c in 10.0.1.0/24, d in 10.0.2.0/24. What their groups allow is the test's business. A deployment with an
// internet gateway (networks.hpp) has one more, "internet".
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/worker/engine.hpp"
#include "drivers/ring/ring_port.hpp"
#include "tests/dataplane/policy/fixtures.hpp"
#include "tests/dataplane/worker/watch.hpp"

namespace weft::test {

inline const MacAddress kRouterMac = mac("06:00:0a:00:01:01");     // of 10.0.1.0/24
inline const MacAddress kFarRouterMac = mac("06:00:0a:00:02:01");  // of 10.0.2.0/24

/// Everything allowed, and so tracked by nobody (facts ec2 2.4).
SecurityGroup open_group(const std::string& name = "open");
/// Members talk to each other, tracked: the rules name the group.
SecurityGroup members_group(const std::string& name = "members");

Instance guest(const std::string& name, const std::string& address, std::vector<std::string> groups,
               const std::string& subnet = "hpc");
/// a to d, all in the groups given.
std::vector<Instance> four_guests(const std::vector<std::string>& groups);

class Fabric {
 public:
  struct Options {
    std::uint32_t flow_capacity = 4096;
    std::uint32_t flow_capacity6 = 4096;
    unsigned workers = 0;
    std::uint32_t packets = 8191;
    std::uint32_t ring_depth = 256;
    PortCapabilities port{.mtu = 9001, .checksum = true, .tso = true, .chains = true};
    bool related_icmp_errors = true;
  };
  explicit Fabric(Deployment deployment) : Fabric(std::move(deployment), Options{}) {}
  Fabric(Deployment deployment, const Options& options);
  ~Fabric();

  /// Publishes; guests that are new get a ring port, unless the test brings its own.
  void apply(Deployment deployment, std::vector<Engine::Attachment> own_ports = {});
  const Deployment& deployment() const { return *engine_->deployment(); }
  Engine& engine() { return *engine_; }

  const Eni& eni(const std::string& guest) const;
  std::string address(const std::string& guest) const { return eni(guest).private_ip.to_string(); }
  /// From a guest to a guest, the way Linux does it: straight in the subnet, through the router outside it.
  Path path(const std::string& from, const std::string& to) const;
  Path path_to(const std::string& from, const std::string& address) const;

  rte_mbuf* packet(const Frame& frame);
  void inject(const std::string& guest, rte_mbuf* packet);
  void inject(const std::string& guest, const Frame& frame) { inject(guest, packet(frame)); }
  std::optional<Frame> receive(const std::string& guest);
  rte_mbuf* receive_packet(const std::string& guest);
  unsigned turn(unsigned worker = 0) { return engine_->run_once(worker); }
  PacketRing& to_guest(const std::string& guest) { return *rings_.at(guest).out; }
  PacketRing& from_guest(const std::string& guest) { return *rings_.at(guest).in; }

  /// One packet, one turn: then changes() has what it did.
  void send(const std::string& guest, const Frame& frame) {
    inject(guest, frame);
    turn();
  }
  /// Sends and says whether `to` got something; the balance is checked.
  bool passes(const std::string& from, const std::string& to, const Frame& frame);

  Changes changes();
  /// The same without the flows, which it need not list.
  Changes counter_changes();
  static void advance_ms(std::uint64_t ms);
  static std::uint64_t now_ns();
  static void advance_s(std::uint64_t seconds) { advance_ms(seconds * 1000); }

  // What a packet usually does, for expectations.
  Changes sent(const std::string& guest, const Frame& frame) const;
  Changes dropped(const std::string& guest, const Frame& frame, DropReason reason) const;
  Changes delivered(const std::string& from, const std::string& to, const Frame& frame) const;

 private:
  struct Rings {
    std::shared_ptr<PacketRing> in, out;
  };
  Changes counters() const;
  Changes state() const;

  Options options_;
  std::unique_ptr<Engine> engine_;
  std::map<std::string, Rings> rings_;  // by guest; never closed by the fabric, so a test may look after removal
  Changes last_, last_counters_;
};

}  // namespace weft::test
