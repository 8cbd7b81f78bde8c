#include "tools/weft-gen/sink/sink.hpp"

#include "tools/weft-gen/traffic/frame.hpp"

namespace weft::gen {

void Sink::begin(std::uint16_t trial) {
  trial_ = trial;
  streams_.assign(streams_.size(), Stream{});
  received_ = received_bytes_ = duplicates_ = reordered_ = foreign_ = late_ = 0;
  latency_.clear();
  hardware_latency_.clear();
}

void Sink::count(std::size_t bytes) noexcept {
  ++received_;
  received_bytes_ += bytes + kFcsBytes;
}

void Sink::see(std::span<const std::byte> frame, std::uint64_t now, std::optional<std::uint64_t> hardware) noexcept {
  if (streams_.empty()) return count(frame.size());
  const auto signature = read_signature(frame, header_bytes_);
  const std::size_t number = signature ? signature->stream & static_cast<std::uint16_t>(~kReverse) : 0;
  if (!signature || number >= streams_.size() || (signature->stream & kReverse) != direction_) {
    ++foreign_;
    return;
  }
  if (signature->trial != trial_) {
    ++late_;
    return;
  }
  switch (streams_[number].see(signature->sequence)) {
    case Arrival::kImplausible: ++foreign_; return;
    case Arrival::kDuplicate: ++duplicates_; return;
    case Arrival::kReordered: ++reordered_; break;
    case Arrival::kInOrder: break;
  }
  count(frame.size());
  // Clocks of two cores may differ by a few ticks.
  latency_.record(now > signature->stamp ? now - signature->stamp : 0);
  if (hardware) hardware_latency_.record(*hardware > signature->stamp ? *hardware - signature->stamp : 0);
}

}  // namespace weft::gen
