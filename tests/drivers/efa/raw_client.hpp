// A switch and its clients in one thread, without sockets: tests write the shared memory by hand, turn the crank
// themselves and see every packet's whole effect.
#pragma once

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drivers/efa/efa_switch.hpp"
#include "drivers/efa/registry.hpp"
#include "drivers/efa/switch_link.hpp"

namespace weft::efa::test {

inline EfaFunction function(const std::string& instance, std::uint8_t number, std::uint32_t vpc = 0) {
  EfaFunction function;
  function.eni_id = "eni-" + std::to_string(number);
  function.instance = instance;
  function.address = IpAddress::from(Ipv4Address{10U << 24 | 1U << 8 | number});
  function.slot = number;
  function.vpc = vpc;
  return function;
}

class TestGate final : public EfaGate {
 public:
  std::map<std::pair<EniSlot, EniSlot>, EfaVerdict> verdicts;  // others are allowed
  mutable unsigned asked = 0;

  EfaVerdict verdict(EniSlot source, EniSlot destination) const noexcept override {
    ++asked;
    const auto found = verdicts.find({source, destination});
    return found == verdicts.end() ? EfaVerdict::kAllow : found->second;
  }

  /// Empty: nothing is wrong with the fabric.
  using Fabric = std::function<EfaPassage(std::uint8_t path, std::uint64_t now_ns, std::uint32_t bytes)>;
  std::map<std::pair<EniSlot, EniSlot>, Fabric> fabric;
  bool impaired(EniSlot source, EniSlot destination) const noexcept override {
    return fabric.count({source, destination}) != 0;
  }
  EfaPassage cross(EniSlot source, EniSlot destination, std::uint8_t path, std::uint64_t now_ns,
                   std::uint32_t bytes) const noexcept override {
    return fabric.at({source, destination})(path, now_ns, bytes);
  }
  /// The link of a destination's host.
  std::function<EfaPassage(EniSlot source, std::uint64_t now_ns, std::uint32_t bytes)> link;
  EfaPassage land(EniSlot source, EniSlot, std::uint64_t now_ns, std::uint32_t bytes) const noexcept override {
    return link(source, now_ns, bytes);
  }
  mutable std::vector<std::pair<EniSlot, EniSlot>> overflows;
  void note_overflow(EniSlot source, EniSlot destination) const noexcept override {
    overflows.emplace_back(source, destination);
  }
  /// Who is captured, and what was shown of them.
  std::set<EniSlot> captured;
  struct Sighting {
    EniSlot source, destination;
    bool received;
    EfaEnd end;
    std::uint8_t why, path;
    bool congested;
    std::uint32_t source_qpn, destination_qpn, destination_qkey;
    AddressBytes destination_address;
    std::vector<std::byte> payload;
    bool operator==(const Sighting&) const = default;
  };
  mutable std::vector<Sighting> sightings;
  bool observed(EniSlot source, EniSlot destination) const noexcept override {
    return captured.count(source) != 0 || captured.count(destination) != 0;
  }
  void observe_sent(const EfaSighting& packet, EfaEnd end, std::uint8_t why) const noexcept override {
    note(packet, false, end, why);
  }
  void observe_received(const EfaSighting& packet, EfaEnd end) const noexcept override { note(packet, true, end, 0); }
  void note(const EfaSighting& packet, bool received, EfaEnd end, std::uint8_t why) const {
    sightings.push_back({packet.source, packet.destination, received, end, why, packet.path, packet.congested,
                         packet.source_qpn, packet.destination_qpn, packet.destination_qkey, packet.destination_address,
                         {packet.payload.begin(), packet.payload.end()}});
  }

  std::uint64_t changes = 0;  // a test that changes a verdict says so
  std::uint64_t epoch() const noexcept override { return changes; }
};

/// The client's view of a queue pair, written as plainly as abi.hpp describes it.
class RawClient {
 public:
  explicit RawClient(QueuePair& queue_pair)
      : device(&queue_pair), base_(queue_pair.memory().data()), header(reinterpret_cast<QueueHeader*>(base_)) {
    const QueueHeader& h = *header;
    sends = reinterpret_cast<SendEntry*>(base_ + h.sq_offset);
    statuses = reinterpret_cast<std::uint8_t*>(base_ + h.status_offset);
    receives = reinterpret_cast<ReceiveEntry*>(base_ + h.cq_offset);
    rq = reinterpret_cast<std::atomic<std::uint32_t>*>(base_ + h.rq_offset);
  }

  struct Send {
    std::uint32_t length = 8, buffer = kNoBuffer, qpn = 0, qkey = 0;
    std::uint8_t path = 0, flags = 0;
    AddressBytes address{};
    std::vector<std::byte> payload;
  };
  Send to(const RawClient& peer, std::uint32_t length = 8) const {
    Send send;
    send.length = length;
    send.qpn = peer.device->qpn();
    send.qkey = peer.device->qkey();
    send.address = peer.device->function().declared.address.octets;
    if (length > kInlineBytes) send.buffer = sent_ % header->tx_buffers;
    return send;
  }

  void post(const Send& send) {
    SendEntry& entry = sends[sent_ & (header->sq_depth - 1)];
    entry.length = send.length;
    entry.buffer = send.buffer;
    entry.destination_qpn = send.qpn;
    entry.destination_qkey = send.qkey;
    std::memcpy(entry.destination, send.address.data(), 16);
    entry.path = send.path;
    entry.flags = send.flags;
    if (!send.payload.empty())
      std::memcpy(send.buffer == kNoBuffer ? entry.inline_data : tx(send.buffer), send.payload.data(),
                  send.payload.size());
    entry.sequence.store(++sent_, std::memory_order_release);
  }

  void post_receive(std::uint32_t buffer) {
    rq[posted_ & (header->rq_depth - 1)] = buffer;
    header->rq_tail = ++posted_;
  }
  void post_all_receives() {
    for (std::uint32_t i = 0; i < header->rx_buffers; ++i) post_receive(i);
  }

  /// Statuses since the last call, as they stand there.
  std::vector<std::uint8_t> completed_bytes() {
    std::vector<std::uint8_t> all;
    for (; completed_ != header->sq_head; ++completed_) all.push_back(statuses[completed_ & (header->sq_depth - 1)]);
    return all;
  }
  std::vector<SendStatus> completed() {
    std::vector<SendStatus> all;
    for (const std::uint8_t byte : completed_bytes()) {
      all.push_back(static_cast<SendStatus>(byte & ((1u << kStatusBits) - 1)));
      hint = static_cast<SendHint>(byte >> kStatusBits);
    }
    return all;
  }
  SendHint hint{};  // of the last of them

  struct Received {
    std::uint32_t length, buffer, qpn, qkey, delivered_ns;
    AddressBytes source;
    std::vector<std::byte> payload;
    std::uint16_t flags;
  };
  /// The next packet; its buffer stays the client's.
  std::optional<Received> take() {
    const ReceiveEntry& entry = receives[taken_ & (header->cq_depth - 1)];
    if (entry.sequence.load(std::memory_order_acquire) != taken_ + 1) return std::nullopt;
    Received r{entry.length, entry.buffer, entry.source_qpn, entry.source_qkey, entry.delivered_ns, {}, {}, entry.flags};
    std::memcpy(r.source.data(), entry.source, 16);
    const std::byte* data = entry.buffer == kNoBuffer ? entry.inline_data : rx(entry.buffer);
    r.payload.assign(data, data + entry.length);
    header->cq_head = ++taken_;
    return r;
  }

  std::byte* tx(std::uint32_t buffer) { return base_ + header->tx_offset + std::size_t{buffer} * kBufferStride; }
  std::byte* rx(std::uint32_t buffer) { return base_ + header->rx_offset + std::size_t{buffer} * kBufferStride; }

  QueuePair* device;

 private:
  std::byte* base_;

 public:
  QueueHeader* header;
  SendEntry* sends;
  std::uint8_t* statuses;
  ReceiveEntry* receives;
  std::atomic<std::uint32_t>* rq;

 private:
  std::uint32_t sent_ = 0, completed_ = 0, posted_ = 0, taken_ = 0;
};

class SwitchTest : public testing::Test {
 protected:
  std::shared_ptr<SwitchLink> link = std::make_shared<SwitchLink>();
  FileDescriptor wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Registry registry{link, wake.get()};
  EfaSwitch messages{link};
  TestGate gate;
  std::uint64_t now_ns = 1000;
  std::map<QueuePair*, FileDescriptor> arrivals;  // the clients' ends

  std::uint32_t poll() { return messages.poll(gate, now_ns); }
  /// A turn and what the server makes of it.
  Registry::News settle() {
    poll();
    return registry.take_acknowledgements();
  }

  void add(const EfaFunction& wanted) {
    const EfaError error = registry.add_function(wanted);
    ASSERT_FALSE(error) << error.message;
  }

  RawClient open(const std::string& eni_id, CreateQp request = {}, std::uint64_t features = 0) {
    Registry::Creation creation = registry.create_queue_pair(eni_id, request, {getpid(), getuid(), features});
    EXPECT_EQ(creation.error, 0);
    settle();
    arrivals[creation.queue_pair] = std::move(creation.arrival);
    return RawClient(*creation.queue_pair);
  }

  bool woken(const RawClient& client) {
    char byte;
    return read(arrivals.at(client.device).get(), &byte, 1) == 1;
  }
};

/// Every counter of a function, so that a test can say what changed and everything else must not have.
inline std::map<std::string, std::uint64_t> as_map(const EfaCounters& c) {
  return {{"tx_pkts", c.tx_pkts},           {"tx_bytes", c.tx_bytes},
          {"rx_pkts", c.rx_pkts},           {"rx_bytes", c.rx_bytes},
          {"rx_drops", c.rx_drops},         {"delivered", c.delivered},
          {"group_egress", c.group_egress}, {"group_ingress", c.group_ingress},
          {"unreachable", c.unreachable},   {"bad_qpn", c.bad_qpn},
          {"rnr", c.rnr},                   {"bad_descriptor", c.bad_descriptor},
          {"on_wire", c.on_wire},           {"wire_drops", c.wire_drops}};
}

}  // namespace weft::efa::test
