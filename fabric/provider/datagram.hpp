// FI_EP_DGRAM: the unreliable sibling. A message is one packet, handed to the device as it is: nothing is acknowledged,
// sent again or put in order. Straight over device::QueuePair, beside the reliable transport and not on it.
//
// What cannot be delivered is gone, and counted: by the daemon where the receiver has no room (`rx_drops`, `rnr` in
// `weft stats`), here where a packet makes no sense. A receiver that has nothing posted leaves packets in the queue
// pair's buffers (FI_WEFT_PACKET_BUFFERS) until they are full. What the device refuses at our own end - a security
// group, an address that cannot be - is known here, so it is an error completion.
#pragma once

#include <rdma/fi_atomic.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "fabric/provider/endpoint_base.hpp"
#include "fabric/rdm/endpoint.hpp"
#include "fabric/rdm/iov.hpp"

namespace weft::provider {

/// In front of every datagram; little endian. `version` is none that the reliable wire format has, so each kind drops
/// the other's packets.
struct DatagramHeader {
  std::uint8_t version;
  std::uint8_t flags;
  std::uint8_t reserved[6];
  std::uint64_t data;  // remote CQ data
};
static_assert(sizeof(DatagramHeader) == 16);
inline constexpr std::uint8_t kDatagramVersion = 0xD1;
inline constexpr std::uint8_t kDatagramHasData = 1;
inline constexpr std::size_t kMaxDatagram = efa::kMtu - sizeof(DatagramHeader);

class DatagramEndpoint final : public EndpointBase {
 public:
  DatagramEndpoint(Domain& domain, const fi_info& info, void* context);
  ~DatagramEndpoint() override;

  static DatagramEndpoint* of(fid_ep* endpoint) { return static_cast<DatagramEndpoint*>(endpoint); }

  struct Outgoing {
    std::span<const iovec> iov;
    fi_addr_t destination = FI_ADDR_UNSPEC;
    std::uint64_t data = 0;
    void* context = nullptr;
    std::uint64_t flags = 0;
    bool injected = false;  // fi_inject and its kin: no completion, whatever the flags
  };
  ssize_t send(const Outgoing& message) noexcept;
  ssize_t receive(std::span<const iovec> iov, void* context, std::uint64_t flags) noexcept;
  ssize_t cancel(void* context) noexcept override;

  int get_option(int name, void* value, std::size_t* size) override;
  int set_option(int name, const void* value, std::size_t size) override;

  void set_peer(std::uint32_t peer, const device::Address& address) override;
  void remove_peer(std::uint32_t peer) override;
  device::QueuePair& queue_pair() override { return *queue_pair_; }
  void append_dump(std::string& text) override;

 private:
  struct Sent {
    void* context;
    std::uint32_t report;  // report_flags()
    std::size_t length;
  };
  struct Posted {
    rdm::IovList iov;
    std::size_t capacity;
    void* context;
    std::uint32_t report;
  };

  int start(std::unique_ptr<device::QueuePair> queue_pair) override;
  unsigned move() override;
  bool drained() const override { return gone_ || queue_pair_->sends_in_flight() == 0; }

  device::SendSlot slot_for(std::size_t size);
  void on_sent(std::uint64_t ticket, efa::SendStatus status);
  void on_arrival(const device::Arrival& arrival);
  void complete(bool is_send, std::uint32_t report, const fi_cq_tagged_entry& entry, fi_addr_t source);
  void fail(bool is_send, std::uint32_t report, void* context, rdm::Status status, int device_status,
            std::size_t overflow = 0);
  void look_around();
  void device_gone();

  std::unique_ptr<device::QueuePair> queue_pair_;  // null until enabled
  std::vector<device::Address> peers_;             // by fi_addr_t; qpn 0: none
  std::vector<Sent> sent_;                         // by ticket, as deep as the send queue
  std::deque<Posted> posted_;
  const std::size_t receive_size_;
  std::uint64_t oldest_ticket_ = 0;
  std::uint64_t lost_ = 0;       // ours, not delivered: nobody there, or no room
  std::uint64_t malformed_ = 0;  // came, and were no datagrams
  bool gone_ = false;
  std::uint32_t turns_ = 0;
  std::uint64_t last_look_ns_ = 0;
};

extern fi_ops_msg datagram_ops;  // datagram_message.cpp
extern fi_ops_tagged no_tagged_ops;  // unsupported_ops.cpp
extern fi_ops_rma no_rma_ops;
extern fi_ops_atomic no_atomic_ops;

}  // namespace weft::provider
