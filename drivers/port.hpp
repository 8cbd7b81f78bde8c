// How packets get in and out of the engine: two small interfaces, the only header of drivers/ that dataplane/ includes.
//
//   Port           carries Ethernet frames in mbufs: ring, TAP, vhost-user, ethdev. One queue of it: a port with several
//                  is as many of these, each with its own home worker (Engine::Attachment).
//   MessageSwitch  a device whose messages never become frames: the EFA functions, which the worker polls like a port
//                  and which asks the engine's gate for every pair of ENIs (DESIGN D7, D9).
//
// Offloads are a contract (DESIGN D15), carried in the mbuf's standard DPDK fields: RTE_MBUF_F_TX_TCP_SEG with l2_len,
// l3_len, l4_len and tso_segsz for a super-segment, RTE_MBUF_F_TX_{TCP,UDP}_CKSUM for a partial checksum (the field
// holds the pseudo-header sum), RTE_MBUF_F_RX_L4_CKSUM_GOOD for one that was verified or never left the machine.
// Frames longer than one segment are chains.
//
// Thread: every method but the constructor, destructor, capabilities(), link_up(), set_carrier() and the descriptors' is
// called by the port's home worker only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <rte_mbuf.h>

#include "drivers/efa_counters.hpp"

namespace weft {

/// Where an ENI stands in the engine's tables; reused after detach.
using EniSlot = std::uint16_t;
inline constexpr EniSlot kNoEni = 0xffff;

struct PortCapabilities {
  std::uint16_t mtu = 9001;  // IP MTU, without the Ethernet header
  bool checksum = false;     // takes frames whose L4 checksum is partial
  bool tso = false;          // takes TCP super-segments of up to 64 KiB
  bool chains = false;       // takes multi-segment mbufs
};

class Port {
 public:
  virtual ~Port() = default;
  /// What it takes now. Any thread. A port whose guest negotiates it says so by `capabilities_change()`.
  virtual PortCapabilities capabilities() const noexcept = 0;
  /// capabilities() may be another one with the next burst: then it is asked for each.
  virtual bool capabilities_change() const noexcept { return false; }

  /// Whether there is somebody at the other end: a carrier, a guest that is connected. Any thread. While there is not,
  /// transmit() takes nothing.
  virtual bool link_up() const noexcept { return true; }

  /// The guest sees a carrier from now on, or none, whatever there is at the other end of the port. Control thread. A port
  /// that cannot show it carries nothing all the same: the engine sees to that.
  virtual void set_carrier(bool /*on*/) noexcept {}

  /// Fills `burst` from the guest and returns how many; the caller owns them. Never blocks.
  virtual std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept = 0;

  /// Hands frames to the guest and returns how many were taken, from the front; the rest stay the caller's.
  virtual std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept = 0;

  /// A file descriptor that epoll reports readable when receive() would return something, or -1 for a port that must
  /// be polled. Polling a port with a descriptor costs a system call, so a hot worker polls it by epoll.
  virtual int readiness_fd() const noexcept { return -1; }

  /// Wake-up suppression for ports without a readiness descriptor: from arm() on, the guest writes `eventfd` after it
  /// queued something, or makes wake_fd() readable. Returns false when something is queued already, so that the worker must
  /// not sleep.
  virtual bool arm(int /*eventfd*/) noexcept { return true; }
  virtual void disarm() noexcept {}

  /// For a guest that cannot write the worker's eventfd: a descriptor that epoll reports (edge-triggered) when the guest has
  /// queued something since arm(). The same for the port's life; -1: none. The port is polled all the same.
  virtual int wake_fd() const noexcept { return -1; }

  /// For a guest that can wake nobody at all: a worker that sleeps looks again after this long, by itself. Asked before
  /// each sleep.
  static constexpr std::uint32_t kForever = std::numeric_limits<std::uint32_t>::max();
  virtual std::uint32_t longest_sleep_us() const noexcept { return kForever; }

  /// `what` ends with the port: who gave it knows by that when it has gone.
  void keep(std::shared_ptr<const void> what) noexcept { kept_ = std::move(what); }

 private:
  std::shared_ptr<const void> kept_;
};

/// Why the engine's gate refused an EFA message; the engine maps it to its DropReason.
enum class EfaVerdict : std::uint8_t { kAllow, kGroupEgress, kGroupIngress, kUnreachable };

/// What the emulated fabric does to one EFA packet.
struct EfaPassage {
  bool lost = false;       // also one that was damaged: the real card checks what it receives
  std::uint8_t why = 0;    // it is lost: the gate's own word, for observe_sent()
  bool congested = false;  // marked on its way (ECN)
  std::uint64_t at_ns = 0; // when it arrives, by the clock of poll(); of cross(), if it `lands`, when it comes to that link
  std::optional<std::uint64_t> copy_at_ns{};  // when a second one does, which is whole in any case
  bool lands = false;      // its destination's link is impaired, too: ask land() when it has come there
};

/// What became of an EFA packet, as far as its capture's record says it.
enum class EfaEnd : std::uint8_t {
  kPassed,  // delivered; or on the wire, and whoever sent it knows no more
  kLost,    // on the wire, for the reason that cross() gave
  kOverflow,
  kGroupEgress,
  kGroupIngress,
  kUnreachable,
  kBadQueuePair,
  kReceiverNotReady,
};

/// An EFA packet for a capture.
struct EfaSighting {
  EniSlot source = kNoEni;
  EniSlot destination = kNoEni;  // kNoEni: no EFA function of the VPC has the address
  std::array<std::uint8_t, 16> destination_address{};  // IPv4 as ::ffff:a.b.c.d
  std::uint32_t source_qpn = 0, destination_qpn = 0, destination_qkey = 0;
  std::uint8_t path = 0;
  bool congested = false;
  std::span<const std::byte> payload;  // may change while it is read: a client's memory
};

/// EFA's own policy (facts ec2 6.2), published with the snapshot. Called by the worker inside MessageSwitch::poll(). The
/// engine notes a refusal in its drop log; counting is the switch's.
class EfaGate {
 public:
  virtual ~EfaGate() = default;
  virtual EfaVerdict verdict(EniSlot source, EniSlot destination) const noexcept = 0;

  /// Differs from that of an earlier turn whenever a verdict may differ: what was decided for longer is asked again.
  virtual std::uint64_t epoch() const noexcept = 0;

  /// Whether packets of the two may pass the engine by, once verdict() allows them: false when something else must see
  /// them. Part of what epoch() is about.
  virtual bool may_bypass(EniSlot /*source*/, EniSlot /*destination*/) const noexcept { return true; }

  /// Whether something is wrong between the two on some path, so that every packet must ask cross(). Part of what epoch()
  /// is about.
  virtual bool impaired(EniSlot /*source*/, EniSlot /*destination*/) const noexcept { return false; }

  /// What becomes of a packet of `bytes` on one of the ways through the fabric, `path` modulo how many there are. Asked once
  /// for each packet of an impaired pair, as it is sent.
  virtual EfaPassage cross(EniSlot /*source*/, EniSlot /*destination*/, std::uint8_t /*path*/, std::uint64_t now_ns,
                           std::uint32_t /*bytes*/) const noexcept {
    return {.at_ns = now_ns};
  }

  /// What becomes of it at the link of the destination's host, to which it has come at `now_ns`; asked in the order of those
  /// times. Only of what `lands`; the link may be well again by now.
  virtual EfaPassage land(EniSlot /*source*/, EniSlot /*destination*/, std::uint64_t now_ns,
                          std::uint32_t /*bytes*/) const noexcept {
    return {.at_ns = now_ns};
  }

  /// A packet that cross() has let through is lost: too many are on their way.
  virtual void note_overflow(EniSlot /*source*/, EniSlot /*destination*/) const noexcept {}

  /// Whether somebody captures what goes between the two; `destination` may be kNoEni. Then their packets must not
  /// bypass, and each is to be observed.
  virtual bool observed(EniSlot /*source*/, EniSlot /*destination*/) const noexcept { return false; }

  /// It was sent, and `why` is cross()'s if it is kLost.
  virtual void observe_sent(const EfaSighting& /*packet*/, EfaEnd /*end*/, std::uint8_t /*why*/) const noexcept {}
  /// It has come to its destination, or to what refuses it there.
  virtual void observe_received(const EfaSighting& /*packet*/, EfaEnd /*end*/) const noexcept {}
};

class MessageSwitch {
 public:
  virtual ~MessageSwitch() = default;

  /// One turn over all functions: moves at most a burst per queue pair. Returns messages moved or refused.
  virtual std::uint32_t poll(const EfaGate& gate, std::uint64_t now_ns) noexcept = 0;

  /// When the next packet arrives that is on its way through the fabric: then poll() has something to do though nobody sends.
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  virtual std::uint64_t next_ns() const noexcept { return kNever; }

  /// As Port::arm for all functions at once.
  virtual bool arm(int eventfd) noexcept = 0;
  virtual void disarm() noexcept = 0;
};

}  // namespace weft
