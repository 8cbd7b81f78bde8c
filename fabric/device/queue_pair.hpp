// The client side of an EFA queue pair: post packets, learn what became of them, take arrivals.
// Thread: one at a time; the caller locks. No allocation and no system call on the packet path but the doorbell, which
// is written only when the daemon said that it sleeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "drivers/efa/abi.hpp"

namespace weft::device {

/// (host address, queue pair number): who a packet is from or for.
struct Address {
  std::uint8_t ip[16]{};
  std::uint32_t qpn = 0;
  bool operator==(const Address&) const = default;
};

struct Arrival {
  Address source;
  std::uint32_t source_qkey = 0;  // the incarnation of the source
  std::span<const std::byte> payload;  // valid until the handler returns
};

/// A place for one packet's payload in shared memory. Write up to `capacity` bytes at `data`, then commit.
struct SendSlot {
  std::byte* data = nullptr;
  std::uint32_t capacity = 0;
  std::uint32_t index = 0;   // of the entry
  std::uint32_t buffer = efa::kNoBuffer;
};

/// The functions of this process's instance. `error` is an errno: ENODEV no daemon or no EFA interface here.
struct FunctionList {
  int error = 0;
  std::uint64_t daemon_epoch = 0;
  std::vector<efa::FunctionInfo> functions;
};
FunctionList list_functions();

struct QueuePairOptions {
  std::string eni_id;     // empty: the first function
  std::uint32_t qpn = 0;  // 0: any
  std::uint32_t sq_depth = 512, cq_depth = 1024, tx_buffers = 256, rx_buffers = 256;
};

class QueuePair {
 public:
  /// Connects and creates; on failure null and *error is an errno. Posts all receive buffers.
  static std::unique_ptr<QueuePair> open(const QueuePairOptions& options, int* error);
  ~QueuePair();
  QueuePair(const QueuePair&) = delete;
  QueuePair& operator=(const QueuePair&) = delete;

  Address address() const;
  std::uint32_t qkey() const;
  std::uint32_t mtu() const;  // payload bytes of one packet

  /// A slot for `size` bytes: inline in the entry when it fits kInlineBytes, else a transmit buffer. `data` is null
  /// when the queue or the buffers are used up; poll_sends() frees them.
  SendSlot begin_send(std::uint32_t size) noexcept;
  /// Publishes the slot. Returns the packet's ticket: counts up by one per commit, poll_sends() reports it.
  std::uint64_t commit_send(const SendSlot& slot, std::uint32_t size, const Address& destination,
                            std::uint32_t destination_qkey) noexcept;

  /// Calls done(ticket, SendStatus) for each packet the daemon has finished with, in order of tickets. The payload of
  /// a failed packet is still readable in `payload` until done returns.
  template <typename Done>
  void poll_sends(Done&& done) noexcept;

  /// Calls handle(const Arrival&) for up to `limit` packets and gives their buffers back to the daemon.
  /// Returns how many.
  template <typename Handle>
  unsigned poll_receives(unsigned limit, Handle&& handle) noexcept;

  /// True once the daemon or the function is gone: nothing will move again. Costs a system call; ask now and then.
  bool dead() noexcept;

  /// Sleeping: arm() returns false when something is there already; then wait on arrival_fd(), then disarm().
  bool arm() noexcept;
  void disarm() noexcept;
  int arrival_fd() const noexcept;  // also readable after a send completion while armed
  int socket_fd() const noexcept;   // becomes readable (hang-up) when the daemon dies

 private:
  QueuePair() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weft::device
