// What a worker remembers of fragmented datagrams. Only the first fragment has the transport header, so the later ones are
// judged by what it said: its ports, or its ICMP type and code (facts ec2 1.8; RFC 791 3.2, RFC 8200 4.5).
//
// The table is of the worker that polls the ENI's port, which sees all fragments of the datagram; a fragment takes what was
// found along in its buffer (FragmentPorts::write()), to the worker that owns the flow. A later fragment that comes
// before its first one waits for it: few of them, of one ENI fewer, and not long. Everything is bounded, so a guest that
// sends fragments without an end costs its own, and those of nobody else but whoever comes out of order too.
//
// Thread: the worker. Nothing is allocated after the constructor.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <rte_mbuf.h>

#include "dataplane/net/address.hpp"
#include "dataplane/policy/gate.hpp"
#include "dataplane/worker/burst.hpp"
#include "drivers/port.hpp"

namespace weft {

struct FragmentKey {
  IpAddress source, destination;
  std::uint32_t identification = 0;
  EniSlot eni = kNoEni;
  std::uint8_t protocol = 0;  // IPv4 only (RFC 8200 4.5)
  bool operator==(const FragmentKey&) const = default;
};

/// What the first fragment's transport header says.
struct FragmentPorts {
  std::uint16_t source = 0, destination = 0;  // of the flow's key
  std::uint16_t service = 0;                  // ICMP: type << 8 | code
  std::uint8_t protocol = 0;
  FlowKind kind = FlowKind::kFlow;
  /// How much of the datagram the first fragment has. What begins before that would write over it, and perhaps over its
  /// transport header (RFC 1858 3, RFC 5722). Does not go along in the buffer: the table's worker has looked.
  std::uint16_t bytes = 0;

  void write(rte_mbuf* packet) const noexcept;
  static FragmentPorts read(const rte_mbuf* packet) noexcept;
  /// Of a whole IPv4 packet that is cut now.
  static FragmentPorts of(const Burst& burst, unsigned i, std::uint16_t service) noexcept;
  /// The ports that a gate looks at, of a packet that has been through write().
  void complete(PacketTuple& tuple) const noexcept;
};

class FragmentTable {
 public:
  static constexpr unsigned kSets = 256, kWays = 4;
  static constexpr unsigned kHeld = kBurst;  // so that all of them fit one burst
  static constexpr unsigned kHeldOfOneEni = 8;
  static constexpr std::uint32_t kLifetime = 30'000;  // ticks: as long as Linux waits for the rest (ipfrag_time)
  static constexpr std::uint32_t kPatience = 500;     // ticks: how long a later one waits for the first

  struct Held {
    FragmentKey key;
    rte_mbuf* packet = nullptr;
    std::uint32_t since = 0;
    std::uint32_t epoch = 0;  // at which key.eni was the sender's slot
  };

  FragmentTable() : datagrams_(kSets * kWays) {}
  ~FragmentTable();
  FragmentTable(const FragmentTable&) = delete;
  FragmentTable& operator=(const FragmentTable&) = delete;

  /// The first fragment has come. Those that waited for it are ready now.
  void learn(const FragmentKey& key, const FragmentPorts& ports, std::uint32_t now) noexcept;
  /// Null when the first fragment has not come.
  const FragmentPorts* find(const FragmentKey& key, std::uint32_t now) const noexcept;
  /// Keeps a later fragment. False when there is no room, and the packet is still the caller's.
  bool hold(const FragmentKey& key, rte_mbuf* packet, std::uint32_t epoch, std::uint32_t now) noexcept;

  unsigned held() const noexcept { return held_count_ + ready_count_; }
  bool has_ready() const noexcept { return ready_count_ != 0; }
  EniSlot next_ready() const noexcept { return ready_[0].key.eni; }
  /// The next ready one, in the order they came in.
  Held take_ready() noexcept;
  /// One whose patience is over; its packet is null when there is none.
  Held take_overdue(std::uint32_t now) noexcept;

 private:
  struct Datagram {
    FragmentKey key;  // eni kNoEni: free
    FragmentPorts ports;
    std::uint32_t seen = 0;
  };
  static unsigned set_of(const FragmentKey& key) noexcept;
  Held take_held(unsigned at) noexcept;

  std::vector<Datagram> datagrams_;
  std::array<Held, kHeld> held_;   // in the order they came in
  std::array<Held, kHeld> ready_;
  unsigned held_count_ = 0, ready_count_ = 0;
};

}  // namespace weft
