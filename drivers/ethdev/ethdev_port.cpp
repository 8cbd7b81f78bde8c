#include "drivers/ethdev/ethdev_port.hpp"

#include <algorithm>

namespace weft::ethdev {

EthdevPort::~EthdevPort() { rte_pktmbuf_free_bulk(early_.data(), early_count_); }

std::uint16_t EthdevPort::receive(std::span<rte_mbuf*> burst) noexcept {
  if (early_count_ == 0) [[likely]]
    return device_->receive(queue_, burst);
  const auto count = static_cast<std::uint16_t>(std::min<std::size_t>(early_count_, burst.size()));
  std::copy_n(early_.begin(), count, burst.begin());
  std::copy(early_.begin() + count, early_.begin() + early_count_, early_.begin());
  early_count_ = static_cast<std::uint16_t>(early_count_ - count);
  return static_cast<std::uint16_t>(count + device_->receive(queue_, burst.subspan(count)));
}

bool EthdevPort::arm(int) noexcept {
  device_->switch_interrupt(queue_, true);
  // What came before the interrupt was on wakes nobody.
  if (early_count_ == 0) early_count_ = device_->receive(queue_, early_);
  return early_count_ == 0;
}

void EthdevPort::disarm() noexcept { device_->switch_interrupt(queue_, false); }

std::uint32_t EthdevPort::longest_sleep_us() const noexcept {
  if (wake_fd() >= 0) return kForever;
  return link_up() ? kGlanceUs : kNobodyThereUs;
}

}  // namespace weft::ethdev
