#include "tools/weft-gen/run/source.hpp"

#include <algorithm>
#include <cstring>

namespace weft::gen {
namespace {

void set_length(rte_mbuf& frame, std::size_t bytes) {
  frame.data_len = static_cast<std::uint16_t>(bytes);
  frame.pkt_len = static_cast<std::uint32_t>(bytes);
}

}  // namespace

FlowSource::FlowSource(const Encapsulation& encapsulation, const SizeMix& sizes, std::vector<FlowFields> flows,
                       std::uint16_t streams, std::uint16_t direction)
    : header_bytes_(encapsulation.header_bytes()),
      round_(sizes.round()),
      flows_(std::move(flows)),
      sequences_(streams),
      direction_(direction) {
  for (const SizeShare& size : sizes.shares()) templates_.emplace_back(encapsulation, size.frame_bytes);
}

void FlowSource::begin(std::uint16_t trial) {
  trial_ = trial;
  std::ranges::fill(sequences_, 0);
  next_size_ = next_flow_ = next_stream_ = 0;
}

void FlowSource::fill(std::span<rte_mbuf* const> frames, std::uint64_t stamp) noexcept {
  for (rte_mbuf* const frame : frames) {
    const FrameTemplate& shape = templates_[round_[next_size_]];
    const auto sequence = static_cast<std::uint32_t>(sequences_[next_stream_]++);
    shape.write(rte_pktmbuf_mtod(frame, std::byte*), flows_[next_flow_],
                {trial_, static_cast<std::uint16_t>(direction_ | next_stream_), sequence, stamp});
    set_length(*frame, shape.buffer_bytes());
    if (++next_size_ == round_.size()) next_size_ = 0;
    if (++next_stream_ == sequences_.size()) next_stream_ = 0;
    if (++next_flow_ == flows_.size()) next_flow_ = next_stream_ = 0;
  }
}

void FlowSource::take_back(const rte_mbuf& frame) noexcept {
  const auto signature = read_signature({rte_pktmbuf_mtod(&frame, const std::byte*), frame.data_len}, header_bytes_);
  if (signature) --sequences_[signature->stream & ~kReverse];
}

void CaptureSource::fill(std::span<rte_mbuf* const> frames, std::uint64_t) noexcept {
  for (rte_mbuf* const frame : frames) {
    const std::span<const std::byte> bytes = capture_.frame(next_);
    std::memcpy(rte_pktmbuf_mtod(frame, std::byte*), bytes.data(), bytes.size());
    set_length(*frame, bytes.size());
    if (++next_ == capture_.frames()) next_ = 0;
  }
}

}  // namespace weft::gen
