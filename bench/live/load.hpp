// Ports that make a load while the network is changed: packets go round at a set pace, and a probe tells when a new rule
// is in force.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "drivers/port.hpp"
#include "drivers/ring/packet_ring.hpp"

namespace weft::bench {

/// What the ports of a load share. Written by the worker but for the pace, which changes while nothing waits for it.
struct Pace {
  std::atomic<double> per_cycle{0};  // packets of one port; 0: as many as there are
  std::atomic<std::uint64_t> most_behind{0};  // packets that were due at once: what a wire's queue would have held
};

/// Sends what comes to the other end of its pair, no faster than the pace: as a wire would whose load is below its speed.
class PacedPort final : public Port {
 public:
  PacedPort(std::shared_ptr<PacketRing> in, std::shared_ptr<PacketRing> out, Pace& pace)
      : in_(std::move(in)), out_(std::move(out)), pace_(pace) {}

  PortCapabilities capabilities() const noexcept override { return {}; }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override {
    const double per_cycle = pace_.per_cycle.load(std::memory_order_relaxed);
    if (per_cycle == 0) return in_->pop(burst);
    const std::uint64_t now = rte_rdtsc();
    if (per_cycle != per_cycle_) {
      per_cycle_ = per_cycle;
      begin_ = now;
      sent_ = 0;
    }
    const std::uint64_t due = static_cast<std::uint64_t>(static_cast<double>(now - begin_) * per_cycle) - sent_;
    if (due > pace_.most_behind.load(std::memory_order_relaxed)) pace_.most_behind.store(due, std::memory_order_relaxed);
    const std::uint16_t count = in_->pop(burst.first(std::min<std::size_t>(burst.size(), due)));
    sent_ += count;
    return count;
  }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override { return out_->push(burst); }

 private:
  std::shared_ptr<PacketRing> in_, out_;
  Pace& pace_;
  double per_cycle_ = 0;
  std::uint64_t begin_ = 0, sent_ = 0;
};

/// Flows that nobody has seen, one every 20 us, to the port of the rule that is waited for.
struct Probe {
  std::atomic<std::uint16_t> port{0};
  std::atomic<std::uint64_t> sent{0}, arrived{0};
  std::atomic<std::uint64_t> live_at{0};  // when the first packet to `port` arrived; 0: none yet
};

class ProbeSource final : public Port {
 public:
  using Build = void (*)(rte_mbuf* packet, const void* ends, std::uint16_t source, std::uint16_t destination);
  ProbeSource(Probe& probe, rte_mempool* pool, Build build, const void* ends)
      : probe_(probe), pool_(pool), build_(build), ends_(ends), interval_(rte_get_tsc_hz() / 50'000) {}

  PortCapabilities capabilities() const noexcept override { return {}; }
  std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept override {
    const std::uint16_t port = probe_.port.load(std::memory_order_acquire);
    const std::uint64_t now = rte_rdtsc();
    if (port == 0 || now < next_) return 0;
    rte_mbuf* const packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) return 0;
    next_ = now + interval_;
    build_(packet, ends_, source_ = source_ == 65535 ? 1024 : static_cast<std::uint16_t>(source_ + 1), port);
    burst[0] = packet;
    probe_.sent.fetch_add(1, std::memory_order_relaxed);
    return 1;
  }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override {
    rte_pktmbuf_free_bulk(const_cast<rte_mbuf**>(burst.data()), static_cast<unsigned>(burst.size()));
    return static_cast<std::uint16_t>(burst.size());
  }

 private:
  Probe& probe_;
  rte_mempool* const pool_;
  const Build build_;
  const void* const ends_;
  const std::uint64_t interval_;
  std::uint64_t next_ = 0;
  std::uint16_t source_ = 1024;
};

class ProbeSink final : public Port {
 public:
  explicit ProbeSink(Probe& probe) : probe_(probe) {}

  PortCapabilities capabilities() const noexcept override { return {}; }
  std::uint16_t receive(std::span<rte_mbuf*>) noexcept override { return 0; }
  std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept override;

 private:
  Probe& probe_;
};

}  // namespace weft::bench
