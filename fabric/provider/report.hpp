// How operations are reported: shared by messages (transfer.cpp) and one-sided operations (one_sided.cpp).
#pragma once

#include "fabric/provider/completion_queue.hpp"
#include "fabric/provider/counter.hpp"
#include "fabric/rdm/endpoint.hpp"

namespace weft::provider {

// Ours, in the bits of rdm::OperationFlags that it does not use; they come back in Completion::flags.
inline constexpr std::uint32_t kPeek = 1u << 31;          // answered in the queue, not counted as a receive
inline constexpr std::uint32_t kNoContext = 1u << 30;     // injected: `context` is the peer's index
inline constexpr std::uint32_t kFirstContact = 1u << 29;  // injected and waited for: `context` is the FirstContact

inline constexpr std::uint64_t kRefusedFlags = FI_TRIGGER | FI_COMMIT_COMPLETE;

/// Whether and how success is reported: a queue entry, only counted, or not at all.
inline std::uint32_t report_flags(bool wanted, const CompletionQueue* queue, const Counter* counter) {
  if (wanted && queue != nullptr) return rdm::kCompletion;
  return counter != nullptr ? rdm::kCompletion | rdm::kCountOnly : 0;
}

/// The flags of a queue entry for a one-sided operation, ours or a peer's.
std::uint64_t one_sided_flags(const rdm::Completion& completion);

}  // namespace weft::provider
