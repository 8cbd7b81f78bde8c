#include "drivers/ethdev/burst_gate.hpp"

#include <sched.h>

namespace weft::ethdev {

void BurstGate::close() noexcept {
  open_.store(false, std::memory_order_seq_cst);
  for (std::size_t i = 0; i < count_; ++i)
    while (lanes_[i].inside_.load(std::memory_order_seq_cst)) ::sched_yield();
}

}  // namespace weft::ethdev
