// What a process of an instance may write to the holder's socket, and the description of an instance in it: a message is
// refused or is a JSON object; a description is refused or says the same when written and read again.
#include <sys/socket.h>

#include <cstdint>

#include "instances/protocol.hpp"
#include "tests/fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft;
  int ends[2];
  FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd ours(ends[0]);
  {
    const UniqueFd theirs(ends[1]);
    FUZZ_CHECK(size == 0 || send(theirs.get(), data, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
  }
  const auto received = holder::receive_message(ours.get());
  if (!received) {
    FUZZ_CHECK(!received.error().message.empty());
    return 0;
  }
  if (!*received) return 0;
  const nlohmann::json& body = (*received)->body;
  FUZZ_CHECK(body.is_object());
  holder::error_in(body);
  const auto instance = holder::decode_instance(body);
  if (!instance) {
    FUZZ_CHECK(!instance.error().message.empty());
    return 0;
  }
  const nlohmann::json written = holder::encode(*instance);
  const auto again = holder::decode_instance(written);
  FUZZ_CHECK(again && holder::encode(*again) == written && again->interfaces == instance->interfaces);
  return 0;
}
