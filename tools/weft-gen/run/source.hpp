// What a sender sends: made-up frames of flows and sizes in turn, or those of a capture.
//
// Thread: the sender's alone between begin() and the end of its trial.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <rte_mbuf.h>

#include "tools/weft-gen/replay/capture_file.hpp"
#include "tools/weft-gen/traffic/flows.hpp"
#include "tools/weft-gen/traffic/sizes.hpp"

namespace weft::gen {

class Source {
 public:
  virtual ~Source() = default;
  virtual void begin(std::uint16_t trial) = 0;
  /// Writes the next frames into empty buffers of the sender's pool; `stamp` is now.
  virtual void fill(std::span<rte_mbuf* const> frames, std::uint64_t stamp) noexcept = 0;
  /// One that was filled is not sent after all.
  virtual void take_back(const rte_mbuf& frame) noexcept = 0;
  /// Frames of each stream since begin(); empty: frames without a signature.
  virtual std::span<const std::uint64_t> sent() const = 0;
};

class FlowSource final : public Source {
 public:
  /// `direction` is 0 or kReverse. Streams are flows modulo `streams`.
  FlowSource(const Encapsulation& encapsulation, const SizeMix& sizes, std::vector<FlowFields> flows, std::uint16_t streams,
             std::uint16_t direction);
  void begin(std::uint16_t trial) override;
  void fill(std::span<rte_mbuf* const> frames, std::uint64_t stamp) noexcept override;
  void take_back(const rte_mbuf& frame) noexcept override;
  std::span<const std::uint64_t> sent() const override { return sequences_; }

 private:
  std::size_t header_bytes_;
  std::vector<FrameTemplate> templates_;
  std::vector<std::uint8_t> round_;
  std::vector<FlowFields> flows_;
  std::vector<std::uint64_t> sequences_;
  std::uint16_t direction_, trial_ = 0;
  std::size_t next_size_ = 0, next_flow_ = 0, next_stream_ = 0;
};

class CaptureSource final : public Source {
 public:
  explicit CaptureSource(const CaptureFile& capture) : capture_(capture) {}
  void begin(std::uint16_t) override { next_ = 0; }
  void fill(std::span<rte_mbuf* const> frames, std::uint64_t stamp) noexcept override;
  void take_back(const rte_mbuf&) noexcept override {}
  std::span<const std::uint64_t> sent() const override { return {}; }

 private:
  const CaptureFile& capture_;
  std::size_t next_ = 0;
};

}  // namespace weft::gen
