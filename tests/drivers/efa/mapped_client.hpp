// A client of a daemon that runs: a Talker and the queue pair that it was given, mapped, written as abi.hpp describes it.
// Of one thread, but for what tests scribble over it on purpose.
#pragma once

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <optional>
#include <span>

#include "tests/drivers/efa/talker.hpp"

namespace weft::efa::test {

class MappedClient {
 public:
  /// After a greeting. `ok()` is false where the daemon refused or hung up.
  MappedClient(Talker& talker, const CreateQp& request) {
    if (!talker.say(request)) return;
    const auto reply = talker.hear<CreateQpReply>();
    if (reply.header.error != 0 || talker.received.size() != 3) return;
    struct stat status {};
    fstat(talker.received[0].get(), &status);
    size_ = static_cast<std::size_t>(status.st_size);
    void* mapped = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, talker.received[0].get(), 0);
    if (mapped == MAP_FAILED) return;
    base_ = static_cast<std::byte*>(mapped);
    memory = std::move(talker.received[0]), doorbell = std::move(talker.received[1]), arrivals = std::move(talker.received[2]);
    const QueueHeader& h = *header();  // kept here, for a client may write over it
    qpn = h.qpn, qkey = h.qkey, sq_depth = h.sq_depth, cq_depth = h.cq_depth, rq_depth = h.rq_depth;
    tx_buffers = h.tx_buffers, rx_buffers = h.rx_buffers;
    sends = reinterpret_cast<SendEntry*>(base_ + h.sq_offset);
    statuses = reinterpret_cast<std::uint8_t*>(base_ + h.status_offset);
    receives = reinterpret_cast<ReceiveEntry*>(base_ + h.cq_offset);
    rq = reinterpret_cast<std::atomic<std::uint32_t>*>(base_ + h.rq_offset);
    tx_offset_ = h.tx_offset, rx_offset_ = h.rx_offset;
  }
  ~MappedClient() {
    if (base_ != nullptr) munmap(base_, size_);
  }
  MappedClient(const MappedClient&) = delete;

  bool ok() const { return base_ != nullptr; }
  QueueHeader* header() { return reinterpret_cast<QueueHeader*>(base_); }
  std::span<std::atomic<std::uint32_t>> words() {
    return {reinterpret_cast<std::atomic<std::uint32_t>*>(base_), size_ / 4};
  }

  void post_receive(std::uint32_t buffer) {
    rq[posted_ & (rq_depth - 1)] = buffer;
    header()->rq_tail = ++posted_;
  }

  /// What became of it, once the daemon has said; empty: it does not say within ten seconds.
  std::optional<SendStatus> send(const AddressBytes& to, std::uint32_t to_qpn, std::uint32_t to_qkey,
                                 std::span<const std::byte> payload) {
    SendEntry& entry = sends[sent_ & (sq_depth - 1)];
    const bool is_inline = payload.size() <= kInlineBytes;
    entry.length = static_cast<std::uint32_t>(payload.size());
    entry.buffer = is_inline ? kNoBuffer : sent_ % tx_buffers;
    entry.destination_qpn = to_qpn;
    entry.destination_qkey = to_qkey;
    std::memcpy(entry.destination, to.data(), 16);
    std::memcpy(is_inline ? entry.inline_data : base_ + tx_offset_ + std::size_t{entry.buffer} * kBufferStride, payload.data(),
                payload.size());
    entry.sequence.store(++sent_, std::memory_order_release);
    ring();
    if (!wait([&] { return header()->sq_head.load(std::memory_order_acquire) == sent_; })) return std::nullopt;
    return static_cast<SendStatus>(statuses[(sent_ - 1) & (sq_depth - 1)]);
  }

  struct Packet {
    std::uint32_t qpn, qkey;
    std::vector<std::byte> payload;
  };
  /// The next packet, which stands in the queue already; its buffer is posted again.
  std::optional<Packet> take() {
    const ReceiveEntry& entry = receives[taken_ & (cq_depth - 1)];
    if (entry.sequence.load(std::memory_order_acquire) != taken_ + 1) return std::nullopt;
    Packet packet{entry.source_qpn, entry.source_qkey, {}};
    const std::uint32_t buffer = entry.buffer;
    const std::byte* data = buffer == kNoBuffer ? entry.inline_data : base_ + rx_offset_ + std::size_t{buffer} * kBufferStride;
    packet.payload.assign(data, data + entry.length);
    header()->cq_head = ++taken_;
    if (buffer != kNoBuffer) post_receive(buffer);
    return packet;
  }

  void ring() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (header()->daemon_asleep != 0) eventfd_write(doorbell.get(), 1);
  }

  template <typename Condition>
  static bool wait(Condition&& condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

  FileDescriptor memory, doorbell, arrivals;
  std::uint32_t qpn = 0, qkey = 0, sq_depth = 0, cq_depth = 0, rq_depth = 0, tx_buffers = 0, rx_buffers = 0;
  SendEntry* sends = nullptr;
  std::uint8_t* statuses = nullptr;
  ReceiveEntry* receives = nullptr;
  std::atomic<std::uint32_t>* rq = nullptr;

 private:
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t tx_offset_ = 0, rx_offset_ = 0;
  std::uint32_t sent_ = 0, posted_ = 0, taken_ = 0;
};

/// With its connection; on the first function of the socket's instance, whose address is `own`.
struct GreetedClient {
  GreetedClient(const std::string& path, const AddressBytes& own, std::uint64_t features)
      : talker(greeted(path, features)), queue(talker, Talker::create_qp()), address(own) {}

  /// The status byte of one packet, hint and all; 0xff: the daemon does not say.
  std::uint8_t send(const GreetedClient& to, const std::string& text = "text") {
    const auto status = queue.send(to.address, to.queue.qpn, to.queue.qkey, std::as_bytes(std::span(text)));
    return status ? static_cast<std::uint8_t>(*status) : 0xff;
  }

  Talker talker;
  MappedClient queue;
  AddressBytes address;

 private:
  static Talker greeted(const std::string& path, std::uint64_t features) {
    Talker talker(path);
    Hello hello = Talker::hello();
    hello.features = features;
    talker.say(hello);
    talker.hear<HelloReply>();
    return talker;
  }
};

}  // namespace weft::efa::test
