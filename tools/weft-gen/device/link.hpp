// One end of the generator: where frames leave to the device under test and come back from it. A card or a vdev
// (ethernet_port.hpp), or a ring to an engine in this process (engine_device.hpp).
//
// Thread: one at a time calls transmit() and receive().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <rte_mbuf.h>

#include "dataplane/net/address.hpp"

namespace weft::gen {

struct LinkCounters {
  std::uint64_t missed = 0;   // frames for which our receive ring had no room
  std::uint64_t refused = 0;  // frames for which the device's receive ring had no room, of those that were taken
};

class Link {
 public:
  virtual ~Link() = default;
  /// Takes frames from the front and returns how many; the rest stay the caller's and may be tried again.
  virtual std::uint16_t transmit(std::span<rte_mbuf* const> burst) noexcept = 0;
  virtual std::uint16_t receive(std::span<rte_mbuf*> burst) noexcept = 0;

  virtual LinkCounters counters() = 0;
  virtual double line_bps() const = 0;  // 0: nobody knows
  virtual MacAddress mac() const = 0;
  virtual std::string describe() const = 0;  // one line, for people
  /// When the card received the frame, in TSC ticks; nothing when it does not say so.
  virtual std::optional<std::uint64_t> hardware_stamp(const rte_mbuf& /*frame*/) const noexcept { return std::nullopt; }
  /// Before a trial: the card's clock is compared with the TSC.
  virtual void calibrate() {}
};

}  // namespace weft::gen
