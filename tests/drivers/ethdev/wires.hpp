// What the tests of wires share: ports of a device, frames in and out of them, and veth pairs in a network namespace of
// the test's own.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/worker/packet_pool.hpp"
#include "drivers/ethdev/ethdev_device.hpp"
#include "tests/dataplane/worker/frames.hpp"

namespace weft::test {

using Ports = std::vector<std::unique_ptr<Port>>;

inline const Path kThere{mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02"), "10.0.1.4", "10.0.1.5"};
inline const Path kBack{mac("02:00:00:00:00:02"), mac("02:00:00:00:00:01"), "10.0.1.5", "10.0.1.4"};

/// As often as it takes, for ten seconds.
inline bool eventually(const std::function<bool()>& what) {
  for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10); !what();) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline PortBackend ethdev(const std::string& device, std::uint16_t queues = 1) {
  PortBackend backend;
  backend.driver = PortBackend::Driver::kEthdev;
  backend.device = device;
  backend.queues = queues;
  return backend;
}

/// A fresh pool for each test, so that a leak shows.
class WireTest : public ::testing::Test {
 protected:
  static constexpr unsigned kPackets = 8191;
  WireTest() : pool(make_packet_pool(kPackets)) {}

  Ports open(const PortBackend& backend, std::uint16_t mtu = 1500) {
    auto opened = open_ethdev_ports(backend, pool.get(), mtu);
    EXPECT_TRUE(opened) << opened.error().to_string();
    return opened ? std::move(*opened) : Ports{};
  }
  std::string refused(const PortBackend& backend, std::uint16_t mtu = 1500) {
    auto opened = open_ethdev_ports(backend, pool.get(), mtu);
    EXPECT_FALSE(opened) << "was opened";
    return opened ? "" : opened.error().message;
  }

  /// A chain where one buffer does not do.
  rte_mbuf* packet(const Frame& bytes) {
    rte_mbuf* const head = rte_pktmbuf_alloc(pool.get());
    rte_mbuf* last = head;
    for (std::size_t at = 0; at < bytes.size();) {
      if (rte_pktmbuf_tailroom(last) == 0) {
        last = last->next = rte_pktmbuf_alloc(pool.get());
        ++head->nb_segs;
      }
      const std::size_t piece = std::min<std::size_t>(bytes.size() - at, rte_pktmbuf_tailroom(last));
      std::memcpy(rte_pktmbuf_mtod_offset(last, char*, last->data_len), bytes.data() + at, piece);
      last->data_len = static_cast<std::uint16_t>(last->data_len + piece);
      head->pkt_len += static_cast<std::uint32_t>(piece);
      at += piece;
    }
    return head;
  }
  static Frame bytes_of(const rte_mbuf* frame) {
    Frame bytes(frame->pkt_len);
    std::size_t at = 0;
    for (; frame != nullptr; at += frame->data_len, frame = frame->next)
      std::memcpy(bytes.data() + at, rte_pktmbuf_mtod(frame, const char*), frame->data_len);
    return bytes;
  }

  bool send(Port& port, const Frame& bytes) {
    rte_mbuf* const frame = packet(bytes);
    if (eventually([&] { return port.transmit({&frame, 1}) == 1; })) return true;
    rte_pktmbuf_free(frame);
    return false;
  }
  /// The next frame that is IPv4 (a kernel's own chatter on a veth is not), or null after ten seconds.
  rte_mbuf* next_ipv4(Port& port) {
    rte_mbuf* frame = nullptr;
    eventually([&] {
      if (port.receive({&frame, 1}) == 0) return false;
      if (rte_pktmbuf_mtod(frame, EthernetHeader*)->ether_type.host() == kEtherTypeIpv4) return true;
      rte_pktmbuf_free(frame);
      frame = nullptr;
      return false;
    });
    return frame;
  }
  Frame next_bytes(Port& port) {
    rte_mbuf* const frame = next_ipv4(port);
    if (frame == nullptr) return {};
    const Frame bytes = bytes_of(frame);
    rte_pktmbuf_free(frame);
    return bytes;
  }

  /// Of the only device that is open.
  static std::uint64_t counted(const std::string& name) {
    const std::vector<WireStatistics> all = wire_statistics();
    EXPECT_EQ(all.size(), 1U);
    for (const WireStatistics& device : all)
      for (const auto& [counter, value] : device.counters)
        if (counter == name) return value;
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
  unsigned packets_in_use() const { return rte_mempool_in_use_count(pool.get()); }

  PacketPool pool;
};

}  // namespace weft::test
