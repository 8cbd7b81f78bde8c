// Records on the EFA server's socket: each is answered with a whole reply under its own magic, or is the end; a queue pair
// that comes of one is as large as was asked for at most, and goes with its client.
//
// Input: records of a length in two bytes, little endian, and so many bytes.
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "drivers/efa/connection.hpp"
#include "drivers/efa/efa_switch.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::efa;

struct OpenGate final : EfaGate {
  EfaVerdict verdict(EniSlot, EniSlot) const noexcept override { return EfaVerdict::kAllow; }
  std::uint64_t epoch() const noexcept override { return 0; }
};

/// What stands in the socket for the client. The descriptors that come with it are closed by the kernel.
void read_replies(int client) {
  alignas(8) std::byte buffer[8192];
  for (;;) {
    const ssize_t length = recv(client, buffer, sizeof buffer, MSG_DONTWAIT);
    if (length <= 0) return;
    MessageHeader header;
    FUZZ_CHECK(static_cast<std::size_t>(length) >= sizeof header);
    std::memcpy(static_cast<void*>(&header), buffer, sizeof header);
    FUZZ_CHECK(header.magic == kMagic && header.major == kAbiMajor && header.size == static_cast<std::uint32_t>(length));
    // Offered: by a client that asked for a channel to its own queue pair.
    FUZZ_CHECK(header.type == MessageType::kHelloReply || header.type == MessageType::kCreateQpReply ||
               header.type == MessageType::kChannelGranted || header.type == MessageType::kChannelOffered);
  }
}

struct Server {
  std::shared_ptr<SwitchLink> link = std::make_shared<SwitchLink>();
  FileDescriptor wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Registry registry{link, wake.get()};
  EfaSwitch messages{link};
  OpenGate gate;

  Server() {
    for (std::uint8_t number : {1, 2}) {
      EfaFunction function;
      function.eni_id = "eni-" + std::to_string(number);
      function.instance = "a";
      function.device_index = number;
      function.address = IpAddress::from(Ipv4Address{10U << 24 | 1U << 8 | number});
      function.slot = number;
      FUZZ_CHECK(!registry.add_function(function));
    }
    settle();
  }
  Registry::News settle() {
    messages.poll(gate, 1);
    return registry.take_acknowledgements();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Server server;
  int ends[2];
  FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  const FileDescriptor client(ends[1]);
  Connection connection(FileDescriptor{ends[0]}, "a", server.wake.get());
  for (unsigned records = 0; size >= 2 && records < 16; ++records) {
    const std::size_t length = std::min<std::size_t>(data[0] | data[1] << 8, size - 2);
    if (length != 0 && send(client.get(), data + 2, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
    data += 2 + length;
    size -= 2 + length;
    const auto fate = connection.read(server.registry);
    for (QueuePair* ready : server.settle().ready) {
      FUZZ_CHECK(ready == connection.queue_pair());
      FUZZ_CHECK(ready->memory().size() <= layout_of({kMaxSqDepth, kMaxCqDepth, kMaxBuffers, kMaxBuffers}).total);
      FUZZ_CHECK(connection.queue_pair_ready() == Connection::Fate::kKeep);
    }
    read_replies(client.get());
    if (fate == Connection::Fate::kClose) break;
  }
  const bool had_one = connection.queue_pair() != nullptr;
  if (had_one) server.registry.drain(connection.queue_pair());
  const std::size_t gone = server.settle().gone.size();
  FUZZ_CHECK(gone == (had_one ? 1U : 0U));
  server.registry.close_all();
  server.settle();
  return 0;
}
