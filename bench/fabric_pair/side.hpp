// One of the two processes' libfabric end: an endpoint, its queue and a buffer that the peer may write and read.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

#include <atomic>
#include <string>
#include <vector>

namespace fabric_pair {

inline constexpr std::size_t kLargest = 1u << 20;
inline constexpr unsigned kWindow = 64;  // operations in flight, as fabtests has them

/// What both processes see: names and keys, a barrier, and the end of a case in which one side only serves.
struct Shared {
  struct End {
    char name[256];
    std::size_t length;
    std::uint64_t base, key;
    std::atomic<unsigned> meetings;
  } ends[2];
  struct alignas(64) Line {
    std::atomic<unsigned> word;
  } lines[2];
  std::atomic<unsigned> cases_done;
};
inline Shared* shared = nullptr;

inline std::string provider;
inline std::vector<std::string> addresses;  // of either end; empty: the provider finds its own

/// Says what went wrong and ends the process; its parent ends the other.
[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char* format, ...);

/// Every call spins until the provider takes it and ends the process where it fails. `me` is 0, which measures, or 1.
class Side {
 public:
  explicit Side(unsigned me);
  ~Side();
  Side(const Side&) = delete;

  void post_receive(std::size_t bytes);
  void send(std::size_t bytes);
  void write(std::size_t bytes);
  void read(std::size_t bytes);
  void await_receives(std::uint64_t count) { while (received_ < count) drive(); }
  void await_sends() { while (sent_ < started_) drive(); }
  void drive();
  void meet();  // a barrier that goes on making progress

  const unsigned me;
  std::vector<char> from = std::vector<char>(kLargest), into = std::vector<char>(kLargest);

 private:
  template <typename Post>
  void accepted(const char* call, Post&& post);
  fi_context2* next_context() { return &contexts_[started_++ % contexts_.size()]; }

  fi_info* info_ = nullptr;
  fid_fabric* fabric_ = nullptr;
  fid_domain* domain_ = nullptr;
  fid_av* av_ = nullptr;
  fid_cq* cq_ = nullptr;
  fid_ep* ep_ = nullptr;
  fid_mr *from_region_ = nullptr, *into_region_ = nullptr;
  void *from_descriptor_ = nullptr, *into_descriptor_ = nullptr;
  fi_addr_t peer_ = 0;
  std::uint64_t peer_base_ = 0, peer_key_ = 0;
  // Sends and one-sided operations take turns in contexts_, receives in receive_contexts_: the queue tells them apart by it.
  std::vector<fi_context2> contexts_ = std::vector<fi_context2>(2 * kWindow);
  std::vector<fi_context2> receive_contexts_ = std::vector<fi_context2>(2 * kWindow);
  std::uint64_t posted_ = 0, received_ = 0, started_ = 0, sent_ = 0;
};

}  // namespace fabric_pair
