// The client's end of the holder's socket, shared by the daemon's side and enter_instance().
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

// Longer than any operation of the holder (removing waits at most two seconds), so only a broken holder is given up.
constexpr int kReplyTimeoutSeconds = 30;

}  // namespace

Result<UniqueFd> connect_to_holder(const std::string& runtime_directory, bool* no_holder) {
  if (no_holder != nullptr) *no_holder = false;
  const std::string path = runtime_directory + "/" + kSocketFile;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path))
    return holder_error("the runtime directory's path is too long for a socket, at most " +
                        std::to_string(sizeof(name.sun_path) - 2 - std::strlen(kSocketFile)) +
                        " bytes: " + runtime_directory);
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);

  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("cannot make a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    if (no_holder != nullptr) *no_holder = errno == ENOENT || errno == ECONNREFUSED;
    return system_error("cannot reach the holder at " + path + " (is weftd running?)");
  }
  if (!peer_is_same_user(socket.get())) return holder_error("the holder at " + path + " belongs to another user");
  const timeval timeout{kReplyTimeoutSeconds, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  return socket;
}

Result<Message> request(int socket, const nlohmann::json& body) {
  if (auto sent = send_message(socket, body); !sent) return sent.error();
  auto reply = receive_message(socket);
  if (!reply) return reply.error();
  if (!*reply) return Error{"Weft.HolderGone", "the holder closed the connection", {}};
  if (auto error = error_in((*reply)->body)) return *error;
  return std::move(**reply);
}

}  // namespace weft::holder
