// A vhost-user port in a folder of its own, and frames for it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/worker/packet_pool.hpp"
#include "drivers/vhost/vhost_device.hpp"
#include "tests/drivers/vhost/front_end.hpp"

namespace weft::test {

using Bytes = std::vector<std::uint8_t>;

class VhostTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kPackets = 2047;

  VhostTest() {
    char made[] = "/tmp/weft-vhost-XXXXXX";
    folder = ::mkdtemp(made);
    pool = make_packet_pool(kPackets);
    large = make_large_pool(63);
  }
  ~VhostTest() override {
    ports.clear();
    EXPECT_EQ(rte_mempool_avail_count(pool.get()), kPackets) << "an mbuf is lost";
    EXPECT_EQ(rte_mempool_avail_count(large.get()), 63U) << "a large mbuf is lost";
    std::filesystem::remove_all(folder);
  }

  PortBackend backend(bool server = true, std::uint16_t queues = 1) const {
    return {.driver = PortBackend::Driver::kVhostUser, .device = {}, .socket = folder + "/guest.sock", .server = server,
            .id = 0, .queues = queues};
  }
  Port& open(const PortBackend& what) {
    auto opened = open_vhost_ports(what, pool.get(), large.get(), 9001);
    if (!opened) throw std::runtime_error(opened.error().to_string());
    ports = std::move(*opened);
    return *ports.front();
  }
  Port& open() { return open(backend()); }

  rte_mbuf* packet(const Bytes& bytes) const {
    rte_mbuf* const head = rte_pktmbuf_alloc(pool.get());
    rte_mbuf* last = head;
    for (std::size_t done = 0; done < bytes.size();) {
      const std::size_t here = std::min<std::size_t>(bytes.size() - done, rte_pktmbuf_tailroom(last));
      if (here == 0) {
        last->next = rte_pktmbuf_alloc(pool.get());
        last = last->next;
        ++head->nb_segs;
        continue;
      }
      std::memcpy(rte_pktmbuf_mtod_offset(last, char*, last->data_len), bytes.data() + done, here);
      last->data_len = static_cast<std::uint16_t>(last->data_len + here);
      done += here;
    }
    head->pkt_len = static_cast<std::uint32_t>(bytes.size());
    return head;
  }
  static Bytes bytes_of(const rte_mbuf* frame) {
    Bytes all;
    for (; frame != nullptr; frame = frame->next) {
      const auto* const at = rte_pktmbuf_mtod(frame, const std::uint8_t*);
      all.insert(all.end(), at, at + frame->data_len);
    }
    return all;
  }
  /// Of one frame, from the port; null after a while without.
  static rte_mbuf* next(Port& port) {
    rte_mbuf* frame = nullptr;
    eventually([&] { return port.receive({&frame, 1}) == 1; });
    return frame;
  }

  std::string folder;
  PacketPool pool, large;
  std::vector<std::unique_ptr<Port>> ports;
};

/// Addresses of nobody, an experimental ether type and bytes that depend on the place and on `seed`.
inline Bytes plain_frame(std::size_t bytes, std::uint8_t seed) {
  Bytes made(bytes);
  for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<std::uint8_t>(i * 7 + seed);
  const std::uint8_t head[14] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5};
  std::memcpy(made.data(), head, sizeof head);
  return made;
}

/// virtio_net_hdr of 12 bytes.
inline Bytes net_header(std::uint8_t flags = 0, std::uint8_t gso = 0, std::uint16_t header = 0, std::uint16_t size = 0,
                        std::uint16_t start = 0, std::uint16_t offset = 0) {
  const auto low = [](std::uint16_t v) { return static_cast<std::uint8_t>(v); };
  const auto high = [](std::uint16_t v) { return static_cast<std::uint8_t>(v >> 8); };
  return {flags,      gso,         low(header), high(header), low(size), high(size),
          low(start), high(start), low(offset), high(offset), 0,         0};
}

}  // namespace weft::test
