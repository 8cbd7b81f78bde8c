#include "instances/protocol.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

// An instance has at most 68 interfaces (facts ec2 1.5), three namespaces and a listener.
constexpr std::size_t kMaxDescriptors = 80;
constexpr char kBodyInMemfd = '@';  // no JSON object starts like this

Result<UniqueFd> body_as_memfd(const std::string& text) {
  UniqueFd file(::memfd_create("weft-message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return system_error("cannot make a memfd for a message");
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file.get(), text.data() + done, text.size() - done);
    if (n < 0) return system_error("cannot write a message to its memfd");
    done += static_cast<std::size_t>(n);
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
    return system_error("cannot seal a message");
  return file;
}

/// Only a sealed memfd is read: no other file can make pread() wait, or change under the reader.
Result<std::string> body_from_memfd(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  constexpr int kNeeded = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (seals < 0 || (seals & kNeeded) != kNeeded) return holder_error("a message came in a file that is not sealed");
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error("cannot look at a message's memfd");
  if (static_cast<std::size_t>(status.st_size) > kBodyLimit) return holder_error("a message is larger than 64 MiB");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::pread(fd, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n <= 0) return system_error("cannot read a message's memfd");
    done += static_cast<std::size_t>(n);
  }
  return text;
}

std::optional<ucred> peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

void take_descriptors(msghdr& header, std::vector<UniqueFd>& into) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      into.emplace_back(fd);
    }
  }
}

}  // namespace

Result<void> send_message(int socket, const nlohmann::json& body, std::span<const int> descriptors) {
  std::string text;
  try {
    text = body.dump();
  } catch (const nlohmann::json::exception& e) {
    return holder_error(std::string("a message to the holder must be UTF-8 text: ") + e.what());
  }
  if (text.size() > kBodyLimit) return holder_error("a message to the holder is larger than 64 MiB");

  std::vector<int> passed(descriptors.begin(), descriptors.end());
  UniqueFd memfd;
  if (text.size() > kInlineLimit) {
    auto made = body_as_memfd(text);
    if (!made) return made.error();
    memfd = std::move(*made);
    passed.insert(passed.begin(), memfd.get());
    text.assign(1, kBodyInMemfd);
  }
  if (passed.size() > kMaxDescriptors) return holder_error("more than 80 descriptors in one message");

  iovec io{text.data(), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &io;
  header.msg_iovlen = 1;
  if (!passed.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(passed.size() * sizeof(int));
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(passed.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), passed.data(), passed.size() * sizeof(int));
  }
  ssize_t sent;
  do sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
    return Error{"Weft.HolderGone", "the other end of the holder's socket is gone", {}};
  if (sent < 0) return system_error("cannot send on the holder's socket");
  return {};
}

Result<std::optional<Message>> receive_message(int socket) {
  std::string text(kInlineLimit, '\0');
  iovec io{text.data(), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &io;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t n;
  do n = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == ECONNRESET) return std::optional<Message>();
  if (n < 0) return system_error("cannot read from the holder's socket");

  Message message;
  take_descriptors(header, message.descriptors);
  if (n == 0) return std::optional<Message>();
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return holder_error("a message on the holder's socket is too long");
  text.resize(static_cast<std::size_t>(n));

  if (text.size() == 1 && text[0] == kBodyInMemfd) {
    if (message.descriptors.empty()) return holder_error("a message on the holder's socket has no body");
    auto body = body_from_memfd(message.descriptors.front().get());
    if (!body) return body.error();
    text = std::move(*body);
    message.descriptors.erase(message.descriptors.begin());
  }
  message.body = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!message.body.is_object()) return holder_error("a message on the holder's socket is not a JSON object");
  return std::optional<Message>(std::move(message));
}

nlohmann::json error_body(const Error& error) {
  return {{"error", {{"code", error.code}, {"message", error.message}}}};
}

std::optional<Error> error_in(const nlohmann::json& body) {
  const auto found = body.find("error");
  if (found == body.end()) return std::nullopt;
  if (!found->is_object()) return holder_error("the holder sent an error that cannot be read");
  const auto text = [&](const char* key) {
    const auto field = found->find(key);
    return field != found->end() && field->is_string() ? field->get<std::string>() : std::string();
  };
  return Error{text("code"), text("message"), {}};
}

bool peer_is_same_user(int socket) {
  const auto peer = peer_of(socket);
  // Within a user namespace foreign users read as the overflow uid, which is never ours.
  return peer && peer->uid == ::geteuid();
}

pid_t peer_pid(int socket) {
  const auto peer = peer_of(socket);
  return peer ? peer->pid : 0;
}

}  // namespace weft::holder
