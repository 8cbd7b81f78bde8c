// The daemon's side of an express channel (abi.hpp, docs/efa-abi.md): memory that two clients share, and the two words in
// it by which the daemon takes it back. Only the header's page is mapped here. What the clients write there is never read
// back, but the two numbers that the sender counts.
//
// Thread: made and destroyed by the server; revoke() and lose_sender() by either thread; `ends` is the worker's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "drivers/efa/abi.hpp"
#include "drivers/efa/destination_table.hpp"
#include "drivers/efa/shared_memory.hpp"
#include "drivers/port.hpp"

namespace weft::efa {

/// Who is at an end of a channel: facts that stay true when the queue pair has gone.
struct ChannelEnd {
  AddressBytes address{};
  std::uint32_t qpn = 0, qkey = 0;
  EniSlot slot = kNoEni;
};

class Channel {
 public:
  /// Null, with errno set, when memory or descriptors have run out.
  static std::unique_ptr<Channel> create(std::uint32_t id, QueuePair& sender, QueuePair& receiver) noexcept;

  std::uint32_t id() const noexcept { return id_; }
  const ChannelEnd& sender() const noexcept { return sender_; }
  const ChannelEnd& receiver() const noexcept { return receiver_; }
  SharedMemory& memory() noexcept { return *memory_; }

  /// Tells the sender to stop; the first reason stays. False: it was told before.
  bool revoke(Revocation reason) noexcept;
  /// Tells the receiver that nothing more will come. False: it was told before.
  bool lose_sender() noexcept;
  Revocation revoked() const noexcept { return revoked_.load(std::memory_order_relaxed); }
  bool sender_gone() const noexcept { return sender_gone_.load(std::memory_order_relaxed); }

  /// What the sender says that it published.
  struct Counts {
    std::uint64_t packets = 0, bytes = 0;
  };
  Counts counts() const noexcept;

  /// The worker's notes: queue pairs to compare with, null when they have gone, and the place in its list.
  struct Ends {
    const QueuePair *sender = nullptr, *receiver = nullptr;
  } ends;
  std::uint32_t list_index = kNotListed;
  static constexpr std::uint32_t kNotListed = 0xffffffff;

 private:
  Channel(std::uint32_t id, QueuePair& sender, QueuePair& receiver, std::unique_ptr<SharedMemory> memory) noexcept;

  const std::uint32_t id_;
  const ChannelEnd sender_, receiver_;
  std::unique_ptr<SharedMemory> memory_;
  ChannelHeader* header_;
  std::atomic<Revocation> revoked_{Revocation::kNone};  // ours: the header's may be scribbled over
  std::atomic<bool> sender_gone_{false};
};

}  // namespace weft::efa
