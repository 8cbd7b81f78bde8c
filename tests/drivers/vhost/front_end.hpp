// A guest made by hand: the front end of vhost-user (QEMU docs/interop/vhost-user.rst) with split rings in a memfd, for
// what a driver that behaves would never do.
#pragma once

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace weft::test {

constexpr std::uint64_t feature(unsigned number) { return std::uint64_t{1} << number; }

/// Waits with patience for what another thread or process does.
template <typename Done>
bool eventually(Done&& done, std::chrono::seconds patience = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class FrontEnd {
 public:
  static constexpr std::uint16_t kSize = 64;            // of each ring
  static constexpr std::uint64_t kMemory = 4 << 20;     // guest-physical address zero is the memfd's first byte
  static constexpr std::uint64_t kBuffers = 64 << 10;   // where free memory begins
  static constexpr std::uint64_t kUserBase = 0x7000'0000'0000;
  struct Descriptor {
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint16_t flags, next;
  };
  struct UsedElement {
    std::uint32_t id, bytes;
  };

  explicit FrontEnd(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect to " + path);
    memfd_ = ::memfd_create("guest", MFD_CLOEXEC);
    if (::ftruncate(memfd_, kMemory) != 0) throw std::runtime_error("memfd");
    memory = static_cast<char*>(::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_SHARED, memfd_, 0));
    for (int& fd : kick_) fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int& fd : call_) fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  ~FrontEnd() {
    ::munmap(memory, kMemory);
    for (const int fd : {socket_, memfd_, kick_[0], kick_[1], call_[0], call_[1]})
      if (fd >= 0) ::close(fd);
  }
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  void hang_up() {
    ::close(socket_);
    socket_ = -1;
  }

  /// All that a driver says until both rings of the first pair are served.
  void start(std::uint64_t features) {
    send(3, nullptr, 0);
    offered = ask(1);
    features |= feature(32) | feature(30);
    send_number(2, features);
    ask(15);
    send_number(16, feature(0));
    send_memory();
    for (std::uint32_t ring = 0; ring < 2; ++ring) start_ring(ring, kSize);
    for (std::uint32_t ring = 0; ring < 2; ++ring) send_pair(18, ring, 1);
  }

  void start_ring(std::uint32_t ring, std::uint32_t size) {
    send_pair(8, ring, size);
    send_pair(10, ring, 0);
    const struct {
      std::uint32_t index, flags;
      std::uint64_t descriptors, used, available, log;
    } address{ring, 0, kUserBase + at(ring), kUserBase + at(ring) + 4096, kUserBase + at(ring) + 2048, 0};
    send(9, &address, sizeof address);
    send_number(13, ring, call_[ring]);
    send_number(12, ring, kick_[ring]);
  }

  void send_memory(std::uint64_t bytes = kMemory) {
    const struct {
      std::uint32_t regions, padding;
      std::uint64_t guest, size, user, offset;
    } table{1, 0, 0, bytes, kUserBase, 0};
    send(5, &table, sizeof table, memfd_);
  }

  // The rings: 0 goes to the guest, 1 comes from it.
  Descriptor* descriptors(unsigned ring) { return reinterpret_cast<Descriptor*>(memory + at(ring)); }
  std::uint16_t* available(unsigned ring) { return reinterpret_cast<std::uint16_t*>(memory + at(ring) + 2048); }
  std::uint16_t* used(unsigned ring) { return reinterpret_cast<std::uint16_t*>(memory + at(ring) + 4096); }
  std::uint16_t used_index(unsigned ring) { return __atomic_load_n(&used(ring)[1], __ATOMIC_ACQUIRE); }
  UsedElement used_element(unsigned ring, unsigned i) {
    return reinterpret_cast<UsedElement*>(used(ring) + 2)[i % kSize];
  }
  bool wants_kicks(unsigned ring) { return (__atomic_load_n(&used(ring)[0], __ATOMIC_SEQ_CST) & 1) == 0; }

  void make_available(unsigned ring, std::uint16_t head) {
    std::uint16_t* const index = &available(ring)[1];
    available(ring)[2 + *index % kSize] = head;
    __atomic_store_n(index, static_cast<std::uint16_t>(*index + 1), __ATOMIC_SEQ_CST);
  }
  void kick(unsigned ring) {
    const std::uint64_t one = 1;
    if (::write(kick_[ring], &one, sizeof one) < 0) throw std::runtime_error("kick");
  }
  bool called(unsigned ring) {
    std::uint64_t count;
    return ::read(call_[ring], &count, sizeof count) > 0;
  }

  /// A frame with its header in one descriptor; returns where in memory.
  std::uint64_t offer(std::uint16_t head, const std::vector<std::uint8_t>& header, const std::vector<std::uint8_t>& frame) {
    const std::uint64_t to = kBuffers + head * std::uint64_t{1 << 15};
    if (!header.empty()) std::memcpy(memory + to, header.data(), header.size());
    if (!frame.empty()) std::memcpy(memory + to + header.size(), frame.data(), frame.size());
    descriptors(1)[head] = {to, static_cast<std::uint32_t>(header.size() + frame.size()), 0, 0};
    make_available(1, head);
    return to;
  }
  /// An empty buffer for a frame that comes.
  std::uint64_t post(std::uint16_t head, std::uint32_t bytes) {
    const std::uint64_t to = kBuffers + (2 << 20) + head * std::uint64_t{1 << 14};
    descriptors(0)[head] = {to, bytes, 2, 0};
    make_available(0, head);
    return to;
  }

  void send(std::uint32_t request, const void* payload, std::uint32_t bytes, int fd = -1) {
    std::vector<char> message(12 + bytes);
    const std::uint32_t head[3] = {request, 1, bytes};
    std::memcpy(message.data(), head, 12);
    if (bytes != 0) std::memcpy(message.data() + 12, payload, bytes);
    iovec piece{message.data(), message.size()};
    msghdr letter{};
    letter.msg_iov = &piece;
    letter.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (fd >= 0) {
      letter.msg_control = control;
      letter.msg_controllen = sizeof control;
      cmsghdr* const rights = CMSG_FIRSTHDR(&letter);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    alive = ::sendmsg(socket_, &letter, MSG_NOSIGNAL) == static_cast<ssize_t>(message.size()) && alive;
  }
  void send_number(std::uint32_t request, std::uint64_t number, int fd = -1) { send(request, &number, sizeof number, fd); }
  void send_pair(std::uint32_t request, std::uint32_t ring, std::uint32_t number) {
    const std::uint32_t pair[2] = {ring, number};
    send(request, pair, sizeof pair);
  }
  /// A request that is answered with a number; zero and not alive when it is not.
  std::uint64_t ask(std::uint32_t request) {
    send(request, nullptr, 0);
    char answer[20] = {};
    alive = ::recv(socket_, answer, sizeof answer, MSG_WAITALL) == sizeof answer && alive;
    std::uint64_t number = 0;
    std::memcpy(&number, answer + 12, sizeof number);
    return number;
  }
  void send_raw(const void* bytes, std::size_t count) {
    alive = ::send(socket_, bytes, count, MSG_NOSIGNAL) == static_cast<ssize_t>(count) && alive;
  }
  /// Whether the daemon has not hung up.
  bool open() const {
    char byte;
    const ssize_t got = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && errno == EAGAIN);
  }
  /// Whether the daemon still answers; false when it has closed the connection.
  bool answers() { return ask(1) != 0 && alive; }

  char* memory = nullptr;
  std::uint64_t offered = 0;
  bool alive = true;

 private:
  static std::uint64_t at(std::uint32_t ring) { return ring * std::uint64_t{8192}; }
  int socket_, memfd_ = -1;
  int kick_[2], call_[2];
};

}  // namespace weft::test
