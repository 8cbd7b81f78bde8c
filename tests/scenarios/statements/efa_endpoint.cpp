// weft-efa-endpoint [QPN [CQ_DEPTH [RX_BUFFERS]]]: one queue pair of this instance's EFA interface, told what to do
// line by line.
//
//   send IP QPN QKEY SIZE COUNT   sends COUNT packets, numbered; one that found no room at its destination (RNR) ends
//                                 like others. Prints "sent STATUS COUNT ...", or "refused" for more than the MTU.
//   carry IP QPN QKEY SIZE COUNT  the same, but what found no room is sent again until it does
//   lie IP QPN QKEY SIZE          a descriptor that says SIZE, whatever a packet may have
//   receive COUNT                 takes packets until there were COUNT of them since the start, or for 20 s; prints
//                                 "received COUNT DISTINCT DAMAGED". 0: what is there
//
// It prints "ready IP QPN QKEY MTU" first. Statuses are EFA's numbers (drivers/efa/abi.hpp).
#include <arpa/inet.h>
#include <sched.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "fabric/device/queue_pair.hpp"

namespace {

using namespace weft;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(20);

std::uint64_t next_number = 0, received = 0, damaged = 0;
std::set<std::uint64_t> numbers;

std::byte filling(std::uint64_t number, std::size_t at) { return static_cast<std::byte>(number * 31 + at * 7); }

void write_packet(const device::SendSlot& slot, std::uint32_t size, std::uint64_t number) {
  std::memcpy(slot.data, &number, std::min<std::size_t>(size, sizeof number));
  for (std::size_t i = sizeof number; i < size; ++i) slot.data[i] = filling(number, i);
}

void check_packet(std::span<const std::byte> payload) {
  std::uint64_t number = 0;
  std::memcpy(&number, payload.data(), std::min(payload.size(), sizeof number));
  bool whole = payload.size() >= sizeof number;
  for (std::size_t i = sizeof number; i < payload.size(); ++i) whole &= payload[i] == filling(number, i);
  ++received;
  damaged += !whole;
  numbers.insert(number);
}

device::Address address(const std::string& ip, std::uint32_t qpn) {
  device::Address found;
  const std::string text = ip.find(':') == std::string::npos ? "::ffff:" + ip : ip;
  if (inet_pton(AF_INET6, text.c_str(), found.ip) != 1) std::exit(2);
  found.qpn = qpn;
  return found;
}

class Endpoint {
 public:
  explicit Endpoint(std::unique_ptr<device::QueuePair> queue_pair) : queue_pair_(std::move(queue_pair)) {}

  void introduce() const {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, queue_pair_->address().ip, text, sizeof text);
    std::cout << "ready " << text << " " << queue_pair_->address().qpn << " " << queue_pair_->qkey() << " "
              << queue_pair_->mtu() << std::endl;
  }

  void send(const device::Address& to, std::uint32_t qkey, std::uint32_t size, std::uint64_t count, bool again) {
    if (size > queue_pair_->mtu()) {
      std::cout << "refused" << std::endl;
      return;
    }
    std::map<int, std::uint64_t> ended;
    std::uint64_t begun = 0, finished = 0, resend = 0;
    const auto deadline = Clock::now() + kPatience;
    while (finished < count && Clock::now() < deadline && !queue_pair_->dead()) {
      while (begun < count || resend != 0) {
        const device::SendSlot slot = queue_pair_->begin_send(size);
        if (slot.data == nullptr) break;
        // Which number is sent again does not matter: those that arrived are never sent twice.
        std::uint64_t number = 0;
        if (resend != 0) {
          number = *refused_.begin();
          refused_.erase(refused_.begin());
          --resend;
        } else {
          number = next_number++;
          ++begun;
        }
        write_packet(slot, size, number);
        in_flight_[queue_pair_->commit_send(slot, size, to, qkey)] = number;
      }
      queue_pair_->wake_daemon();
      queue_pair_->poll_sends([&](std::uint64_t ticket, efa::SendStatus status) {
        const auto sent = in_flight_.find(ticket);
        if (again && status == efa::SendStatus::kRemoteRnr) {
          refused_.insert(sent->second);
          ++resend;
        } else {
          ++ended[static_cast<int>(status)];
          ++finished;
        }
        in_flight_.erase(sent);
      });
      sched_yield();
    }
    std::cout << "sent";
    for (const auto& [status, times] : ended) std::cout << " " << status << " " << times;
    std::cout << std::endl;
  }

  void lie(const device::Address& to, std::uint32_t qkey, std::uint32_t size) {
    const device::SendSlot slot = queue_pair_->begin_send(queue_pair_->mtu());
    queue_pair_->commit_send(slot, size, to, qkey);
    queue_pair_->wake_daemon();
    const auto deadline = Clock::now() + kPatience;
    int ended = -1;
    while (ended < 0 && Clock::now() < deadline) {
      queue_pair_->poll_sends([&](std::uint64_t, efa::SendStatus status) { ended = static_cast<int>(status); });
      sched_yield();
    }
    std::cout << "sent " << ended << " 1" << std::endl;
  }

  void receive(std::uint64_t count) {
    const auto deadline = Clock::now() + kPatience;
    do {
      while (queue_pair_->poll_receives(64, [](const device::Arrival& one) { check_packet(one.payload); }) != 0) {
      }
      if (received < count) sched_yield();
    } while (received < count && Clock::now() < deadline);
    std::cout << "received " << received << " " << numbers.size() << " " << damaged << std::endl;
  }

 private:
  std::unique_ptr<device::QueuePair> queue_pair_;
  std::map<std::uint64_t, std::uint64_t> in_flight_;  // number by ticket
  std::set<std::uint64_t> refused_;
};

void obey(Endpoint& endpoint, const std::string& line) {
  std::istringstream words(line);
  std::string verb, ip;
  std::uint32_t qpn = 0, qkey = 0, size = 0;
  std::uint64_t count = 0;
  words >> verb;
  if (verb == "receive" && words >> count) return endpoint.receive(count);
  if (words >> ip >> qpn >> qkey >> size) {
    if (verb == "lie") return endpoint.lie(address(ip, qpn), qkey, size);
    if (words >> count) return endpoint.send(address(ip, qpn), qkey, size, count, verb == "carry");
  }
  std::cerr << "not understood: " << line << std::endl;
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  device::QueuePairOptions options;
  if (argc > 1) options.qpn = static_cast<std::uint32_t>(std::atoi(argv[1]));
  if (argc > 2) options.cq_depth = static_cast<std::uint32_t>(std::atoi(argv[2]));
  if (argc > 3) options.rx_buffers = static_cast<std::uint32_t>(std::atoi(argv[3]));
  int error = 0;
  auto queue_pair = device::QueuePair::open(options, &error);
  if (queue_pair == nullptr) {
    std::cout << "no queue pair: " << std::strerror(error) << std::endl;
    return 1;
  }
  Endpoint endpoint(std::move(queue_pair));
  endpoint.introduce();
  for (std::string line; std::getline(std::cin, line);) obey(endpoint, line);
  return 0;
}
