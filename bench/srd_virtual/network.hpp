// The emulated fabric in virtual time: dataplane/underlay as it is, a packet landing when it has come through its path.
#pragma once

#include <functional>
#include <utility>

#include "bench/srd_virtual/clock.hpp"
#include "dataplane/underlay/underlay.hpp"

namespace weft::bench {

/// Ethernet, IPv4 and UDP around an EFA packet, as weftd counts it.
inline constexpr std::uint32_t kOuterBytes = 42;

class Network {
 public:
  Network(Clock& clock, underlay::Plan plan) : clock_(clock), plan_(std::move(plan)) {}

  /// `arrives` is told whether it was marked; a lost packet tells nobody.
  void send(const underlay::Host& from, const underlay::Host& to, std::uint8_t path, std::uint32_t bytes,
            std::function<void(bool marked)> arrives) {
    const std::uint32_t frame = bytes + kOuterBytes;
    const underlay::Outcome sent = lanes_.offer_on(path, plan_, from, to, clock_.now_ns(), frame, true);
    if (sent.dropped) return;
    clock_.at(sent.at_ns, [=, this, arrives = std::move(arrives)] { land(to, frame, sent.marked, arrives); });
  }

  const underlay::Underlay& lanes() const { return lanes_; }

 private:
  void land(const underlay::Host& to, std::uint32_t frame, bool marked, const std::function<void(bool)>& arrives) {
    if (!plan_.links(to)) return arrives(marked);
    const underlay::Outcome landed = lanes_.land(plan_, to, clock_.now_ns(), frame, true);
    if (landed.dropped) return;
    clock_.at(landed.at_ns, [marked = marked || landed.marked, arrives] { arrives(marked); });
  }

  Clock& clock_;
  underlay::Plan plan_;
  underlay::Underlay lanes_;
};

}  // namespace weft::bench
