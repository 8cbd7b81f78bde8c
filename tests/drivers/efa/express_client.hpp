// A client of express channels that can say anything: what the memory and the records mean is written out by hand, as
// abi.hpp has it.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "drivers/efa/destination_table.hpp"
#include "tests/drivers/efa/talker.hpp"

namespace weft::efa::test {

/// A file of the daemon's, mapped whole.
class Mapping {
 public:
  explicit Mapping(const FileDescriptor& file) {
    struct stat status {};
    EXPECT_EQ(fstat(file.get(), &status), 0);
    size_ = static_cast<std::size_t>(status.st_size);
    data_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    EXPECT_NE(data_, MAP_FAILED);
  }
  Mapping(Mapping&& other) noexcept : data_(std::exchange(other.data_, MAP_FAILED)), size_(other.size_) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (data_ != MAP_FAILED) munmap(data_, size_);
  }
  std::byte* data() const { return static_cast<std::byte*>(data_); }
  std::size_t size() const { return size_; }

 private:
  void* data_ = MAP_FAILED;
  std::size_t size_ = 0;
};

/// One side of a channel.
class ChannelSide {
 public:
  explicit ChannelSide(const FileDescriptor& file)
      : mapping_(file), header(reinterpret_cast<ChannelHeader*>(mapping_.data())) {}

  void publish(const std::string& payload) {
    ChannelSlot& slot = slot_at(index_);
    slot.length = static_cast<std::uint16_t>(payload.size());
    slot.buffer = kNoChannelBuffer;
    std::byte* to = slot.inline_data;
    if (payload.size() > kChannelInlineBytes) {
      slot.buffer = static_cast<std::uint16_t>(index_ % header->buffers);
      to = buffer_at(slot.buffer);
    }
    std::memcpy(to, payload.data(), payload.size());
    header->packets.fetch_add(1);
    header->bytes.fetch_add(payload.size());
    slot.sequence.store(++index_, std::memory_order_release);
  }

  std::optional<std::string> take() {
    ChannelSlot& slot = slot_at(index_);
    if (slot.sequence.load(std::memory_order_acquire) != index_ + 1) return std::nullopt;
    const std::byte* from = slot.buffer == kNoChannelBuffer ? slot.inline_data : buffer_at(slot.buffer);
    std::string payload(reinterpret_cast<const char*>(from), slot.length);
    header->consumed = ++index_;
    return payload;
  }

  std::size_t size() const { return mapping_.size(); }

 private:
  ChannelSlot& slot_at(std::uint32_t index) {
    return reinterpret_cast<ChannelSlot*>(mapping_.data() + header->slot_offset)[index % header->slots];
  }
  std::byte* buffer_at(std::uint32_t buffer) {
    return mapping_.data() + header->buffer_offset + std::size_t{buffer} * header->buffer_stride;
  }

  Mapping mapping_;
  std::uint32_t index_ = 0;

 public:
  ChannelHeader* header;
};

/// A queue pair whose client knows of channels.
class ExpressClient {
 public:
  /// On the function that has the address.
  ExpressClient(const std::string& path, const AddressBytes& ip, std::uint64_t features = kFeatureExpress)
      : talker(path) {
    std::memcpy(address, ip.data(), sizeof address);
    Hello hello = Talker::hello();
    hello.features = features;
    talker.say(hello);
    const auto functions = talker.hear<HelloReply>();
    announced = functions.features;
    CreateQp create = Talker::create_qp();
    create.sq_depth = create.cq_depth = create.tx_buffers = create.rx_buffers = 1;
    while (create.function < functions.function_count &&
           std::memcmp(functions.functions[create.function].address, address, sizeof address) != 0)
      ++create.function;
    talker.say(create);
    const auto reply = talker.hear<CreateQpReply>();
    EXPECT_EQ(reply.header.error, 0U);
    qpn = reply.qpn, qkey = reply.qkey;
    if (talker.received.size() != 3) return;
    memory = std::make_unique<Mapping>(talker.received[0]);
    arrival = std::move(talker.received[2]);
  }

  QueueHeader& header() const { return *reinterpret_cast<QueueHeader*>(memory->data()); }

  RequestChannel request_to(const ExpressClient& peer) const {
    auto request = Talker::prepared<RequestChannel>(MessageType::kRequestChannel);
    request.qpn = peer.qpn, request.qkey = peer.qkey;
    std::memcpy(request.destination, peer.address, sizeof request.destination);
    return request;
  }
  /// The error of a request, 0: granted; then the memory is in `received`.
  std::uint32_t ask(const RequestChannel& request) {
    talker.say(request);
    granted = talker.hear<ChannelGranted>();
    return granted.header.error;
  }
  std::uint32_t ask(const ExpressClient& peer) { return ask(request_to(peer)); }
  void release(std::uint32_t id) const {
    auto release = Talker::prepared<ReleaseChannel>(MessageType::kReleaseChannel);
    release.id = id;
    talker.say(release);
  }

  /// Takes the bytes out of the arrival pipe.
  bool woken() const {
    pollfd readable{arrival.get(), POLLIN, 0};
    if (::poll(&readable, 1, 10000) != 1) return false;
    char bytes[64];
    while (read(arrival.get(), bytes, sizeof bytes) == static_cast<ssize_t>(sizeof bytes)) {
    }
    return true;
  }

  Talker talker;
  std::uint8_t address[16] = {};
  std::uint32_t qpn = 0, qkey = 0;
  std::uint64_t announced = 0;
  std::unique_ptr<Mapping> memory;
  FileDescriptor arrival;
  ChannelGranted granted;
};

class ChannelServerTest : public ServerTest {
 protected:
  /// Functions 1 and 2 are of instance a, 3 of b.
  ExpressClient client(std::uint8_t number, std::uint64_t features = kFeatureExpress) const {
    return ExpressClient(path(number == 3 ? "b" : "a"), LoopbackDaemon::function("", number).address.octets, features);
  }

  struct Pair {
    ExpressClient sender, receiver;
    std::unique_ptr<ChannelSide> out, in;
    FileDescriptor wake;  // what wakes the receiver
    std::uint32_t id = 0;

    /// Grants anew, once both have released.
    void connect() {
      ASSERT_EQ(sender.ask(receiver), 0U);
      ASSERT_EQ(sender.talker.received.size(), 2U);
      id = sender.granted.id;
      out = std::make_unique<ChannelSide>(sender.talker.received[0]);
      wake = std::move(sender.talker.received[1]);
      ASSERT_EQ(receiver.talker.hear<ChannelOffered>().id, id);
      ASSERT_EQ(receiver.talker.received.size(), 1U);
      in = std::make_unique<ChannelSide>(receiver.talker.received[0]);
      receiver.talker.received.clear();
      sender.talker.received.clear();
    }
    /// Both let go.
    void release() {
      sender.release(id);
      receiver.release(id);
    }
  };
  Pair connected() {
    Pair pair{client(1), client(3), nullptr, nullptr, {}, 0};
    pair.connect();
    return pair;
  }
};

}  // namespace weft::efa::test
