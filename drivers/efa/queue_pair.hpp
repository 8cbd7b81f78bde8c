// The daemon's side of one queue pair. Everything in the shared memory may be rubbish at any time: indices are kept
// here, a descriptor is read once into private memory and then checked, a client's index only says how much there is,
// at most a whole queue. What the client can spoil that way is its own traffic.
//
// Thread: made and destroyed by the server; in between every method is the worker's, except the plain facts, notice() and
// wake_pipe(), which are the server's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "drivers/efa/abi.hpp"
#include "drivers/efa/destination_table.hpp"
#include "drivers/efa/round_trip.hpp"
#include "drivers/efa/file_descriptor.hpp"
#include "drivers/efa/shared_memory.hpp"

namespace weft::efa {

struct Function;

/// The private copy of what a SendEntry says.
struct Descriptor {
  std::uint32_t length = 0, buffer = 0;
  std::uint32_t destination_qpn = 0, destination_qkey = 0;
  AddressBytes destination{};
  std::uint8_t path = 0, flags = 0;
};

/// Who a packet is from, as its receiver is told.
struct PacketSource {
  AddressBytes address{};
  std::uint32_t qpn = 0, qkey = 0;
};

/// Fixed facts about a queue pair, chosen by the server.
struct QueuePairIdentity {
  std::uint32_t qpn = 0, qkey = 0, generation = 0;
  std::uint64_t daemon_epoch = 0;
  bool recovers_losses = false;  // its client has kFeatureFabric
};

class QueuePair {
 public:
  /// Writes the header. `arrival` is the writing end of the client's wake-up pipe, non-blocking. May throw bad_alloc.
  QueuePair(std::unique_ptr<SharedMemory> memory, const QueueSizes& sizes, Function& function,
            const QueuePairIdentity& identity, FileDescriptor arrival);

  Function& function() const noexcept { return *function_; }
  std::uint32_t qpn() const noexcept { return identity_.qpn; }
  std::uint32_t qkey() const noexcept { return identity_.qkey; }
  const PacketSource& as_source() const noexcept { return as_source_; }
  bool recovers_losses() const noexcept { return identity_.recovers_losses; }
  SharedMemory& memory() noexcept { return *memory_; }

  // ---- as a sender ----

  /// Copies the next published descriptor; false when there is none.
  bool next_send(Descriptor& packet) noexcept;
  /// As next_send() would answer, but ordered after a store to daemon_asleep: the check before sleeping.
  bool has_sends() const noexcept;
  /// kOk, or what is wrong with the descriptor by itself.
  SendStatus check(const Descriptor& packet) const noexcept;
  /// The payload of the packet next_send() gave, which check() found good.
  const std::byte* payload(const Descriptor& packet) const noexcept;
  /// For "return refuse(...)": the status, and a hint that goes with it into finish_send().
  SendStatus refuse(SendStatus status, SendHint hint) noexcept {
    hint_ = hint;
    return status;
  }
  /// Ends the packet that next_send() gave. The client sees it after publish().
  void finish_send(SendStatus status) noexcept;

  // ---- as a receiver ----

  /// Copies one packet into this queue pair; false when it has no room (RNR). `flags` are ReceiveFlags, 0 unless
  /// recovers_losses().
  bool deliver(const PacketSource& source, std::uint16_t flags, const std::byte* payload, std::uint32_t length,
               std::uint64_t now_ns) noexcept;
  /// How far its client is. What it has consumed is the client's word and may be anything.
  ProgressReport progress() const noexcept;

  // ---- once a turn ----

  /// Shows the client how far this turn came and wakes it if it sleeps.
  void publish() noexcept;
  /// What the client must do before it counts on being polled: 1, write the doorbell; 0, nothing.
  void set_daemon_asleep(bool asleep) noexcept;
  /// Nothing moves after this; the client is woken to see it.
  void close() noexcept;

  // ---- the server's ----

  /// Makes the client look at its socket and its channels, also if it sleeps.
  void notice() noexcept;
  /// For the sender of a channel: what wakes this queue pair's client. An open file description of its own, for two that
  /// share one share its flags, too, and the worker's write must never block. False, with errno: no descriptor left.
  FileDescriptor wake_pipe() const noexcept;
  // ---- any thread ----

  /// What the client says of itself, by ClientCounter. It may say anything.
  std::array<std::uint64_t, kClientCounters> client_counts() const noexcept;

  /// What the client says it has measured, of each path that it knows. It may say anything.
  void add_round_trips(std::vector<EfaRoundTrip>& all) const;

  // ---- the switch's and the table's own notes ----

  QueuePair* next_in_bucket = nullptr;
  std::uint32_t active_index = kNotActive;
  bool touched = false;      // is in the turn's list of queue pairs to publish
  bool draining = false;     // the client is gone: send what it posted, then retire
  std::uint32_t drain_limit = 0;
  static constexpr std::uint32_t kNotActive = 0xffffffff;

  /// The last destination, found in `version` of the table.
  struct Route {
    std::uint64_t version = 0;
    AddressBytes address{};
    std::uint32_t qpn = 0;
    Function* function = nullptr;
    QueuePair* queue_pair = nullptr;
  } route;

 private:
  bool has_entry_room() noexcept;
  bool take_buffer(std::uint32_t& buffer) noexcept;
  void pull_posted_buffers() noexcept;
  void wake_if_asleep() noexcept;
  void wake() noexcept;

  // Read for every packet; the shared parts by pointer, so that no offset is ever read back from the client's memory.
  QueueHeader* header_;
  SendEntry* sends_;
  std::byte* tx_buffers_;
  ReceiveEntry* receives_;
  std::byte* rx_buffers_;
  std::uint8_t* statuses_;
  const std::atomic<std::uint32_t>* rq_;
  QueueSizes sizes_;
  PacketSource as_source_;

  std::uint32_t send_head_ = 0, published_send_head_ = 0, errors_ = 0;
  std::uint32_t receive_tail_ = 0;       // entries written
  std::uint32_t receive_head_seen_ = 0;  // the client's cq_head when it was read last
  std::uint32_t rq_taken_ = 0;
  std::uint32_t wake_ticket_seen_ = 0;   // the value of client_asleep that was answered last
  std::uint64_t delivered_ = 0, published_delivered_ = 0;
  bool pulled_this_turn_ = false;
  SendHint hint_ = SendHint::kNone;

  // Posted receive buffers, the one posted last on top: it is the one still in the client's cache.
  std::unique_ptr<std::uint32_t[]> posted_;
  std::uint32_t posted_count_ = 0;

  Function* function_;
  QueuePairIdentity identity_;
  std::unique_ptr<SharedMemory> memory_;
  FileDescriptor arrival_;
};

}  // namespace weft::efa
