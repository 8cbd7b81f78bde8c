// fid_ep: a reliable datagram endpoint in libfabric's clothes. rdm::Endpoint does the work; here are the bindings to
// queues and counters, the rules of which operation reports where, and the first contact with a peer.
#pragma once

#include <rdma/fi_cm.h>
#include <rdma/fi_atomic.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "fabric/provider/address_vector.hpp"
#include "fabric/provider/completion_queue.hpp"
#include "fabric/provider/counter.hpp"
#include "fabric/provider/domain.hpp"
#include "fabric/provider/event_queue.hpp"
#include "fabric/rdm/endpoint.hpp"

namespace weft::provider {

/// One send or receive, whichever of the eighteen libfabric calls it came through. `flags` are libfabric's.
struct Outgoing {
  const iovec* iov;
  std::size_t count;
  fi_addr_t destination;
  std::uint64_t tag;
  std::uint64_t data;
  void* context;
  std::uint64_t flags;
  bool tagged;
};

struct Incoming {
  const iovec* iov;
  std::size_t count;
  fi_addr_t source;
  std::uint64_t tag;
  std::uint64_t ignore;
  void* context;
  std::uint64_t flags;
  bool tagged;
};

class Endpoint final : public fid_ep, public rdm::CompletionSink {
 public:
  Endpoint(Domain& domain, const fi_info& info, void* context);
  ~Endpoint();

  static Endpoint* of(struct fid* generic) { return from_fid<Endpoint, fid_ep>(generic); }
  static Endpoint* of(fid_ep* endpoint) { return static_cast<Endpoint*>(endpoint); }

  // Set-up, endpoint.cpp and endpoint_control.cpp.
  int bind(struct fid* other, std::uint64_t flags);
  int enable();
  int close();
  int set_name(const void* address, std::size_t size);
  int get_name(void* address, std::size_t* size);
  int get_option(int name, void* value, std::size_t* size);
  int set_option(int name, const void* value, std::size_t size);
  std::uint64_t* default_flags(std::uint64_t which);

  // Data, transfer.cpp. Flags that the simple calls use: transmit_flags() and receive_flags().
  ssize_t send(const Outgoing& message) noexcept;
  ssize_t inject(const Outgoing& message) noexcept;  // fi_inject and its kin: never a completion
  ssize_t receive(const Incoming& request) noexcept;
  ssize_t cancel(void* context) noexcept;
  // One-sided operations, one_sided.cpp. The request lacks only what this fills in: peer, flags, an inject's context.
  ssize_t one_sided(rdm::OneSidedRequest& request, fi_addr_t peer, std::uint64_t flags, bool injected) noexcept;
  std::uint64_t transmit_flags() const { return transmit_flags_; }
  std::uint64_t receive_flags() const { return receive_flags_; }

  // For address vectors, watchers and the registry; under the domain's lock.
  void set_peer(rdm::PeerIndex peer, const device::Address& address);
  void remove_peer(rdm::PeerIndex peer);
  unsigned progress();
  void append_dump(std::string& text) { rdm_->dump(text); }
  int wait_limit_ms() const { return rdm_->wait_limit_ms(); }
  device::QueuePair& queue_pair() { return rdm_->queue_pair(); }
  bool arm(Watcher& watcher);
  void disarm(Watcher& watcher);
  using Clock = std::chrono::steady_clock;
  static Clock::time_point linger_end();  // FI_WEFT_LINGER_MS from now
  /// Makes progress until nothing of ours is in flight, or it is that time. Takes the lock itself.
  void linger(Clock::time_point end);

  void on_completion(const rdm::Completion& completion) override;
  void on_device_gone() override;

  Domain& domain;

 private:
  friend class EndpointRegistry;

  // The first injected message to a peer is waited for, so that a refusal reaches the caller: see transfer.cpp.
  struct FirstContact {
    rdm::PeerIndex peer = 0;
    bool done = false;
    bool abandoned = false;  // waited long enough: whoever completes it forgets it
    rdm::Status status = rdm::Status::kOk;
    int provider_error = 0;
    const char* hint = nullptr;
    std::byte message[rdm::kInjectSize];
  };

  ssize_t check_send(const Outgoing& message) const;
  int post(const rdm::SendRequest& request);
  int inject_first(rdm::SendRequest request);
  void forget(FirstContact& contact);
  bool back_pressure() const;
  void report_success(const rdm::Completion& completion);
  void report_failure(const rdm::Completion& completion);
  void lost_injected(const rdm::Completion& completion, rdm::PeerIndex peer);

  Counter* counter_of(const rdm::Completion& completion) const;
  void on_remote_access(const rdm::Completion& completion);

  int check_bindings() const;
  int bind_queue(CompletionQueue& queue, std::uint64_t flags);
  int bind_counter(Counter& counter, std::uint64_t flags);
  void attach();
  void detach();

  const std::uint64_t caps_;
  std::uint64_t transmit_flags_;  // default flags of operations: FI_INJECT, FI_DELIVERY_COMPLETE, FI_COMPLETION
  std::uint64_t receive_flags_;
  const std::size_t inject_size_;
  const std::size_t transmit_size_;
  std::size_t min_multi_receive_ = 64;
  std::uint16_t wanted_qpn_ = 0;  // 0: any

  CompletionQueue* transmit_queue_ = nullptr;
  CompletionQueue* receive_queue_ = nullptr;
  bool transmit_selective_ = false;
  bool receive_selective_ = false;
  // By what fi_ep_bind's flags ask to be counted.
  enum CounterKind : unsigned {
    kSendCounter,
    kReceiveCounter,
    kReadCounter,
    kWriteCounter,
    kRemoteReadCounter,
    kRemoteWriteCounter,
    kCounterKinds,
  };
  std::array<Counter*, kCounterKinds> counters_{};
  AddressVector* addresses_ = nullptr;
  EventQueue* event_queue_ = nullptr;
  std::unique_ptr<rdm::Endpoint> rdm_;  // null until enabled

  std::vector<std::unique_ptr<FirstContact>> first_contacts_;
  std::vector<bool> contacted_;        // per peer: an injected message of ours got through
  std::vector<Watcher*> sleepers_;     // who is armed on our queue pair
  Endpoint* next_live_ = nullptr;      // the registry's list
  std::uint32_t dumps_made_ = 0;
};

int open_endpoint(fid_domain* domain, fi_info* info, fid_ep** endpoint, void* context) noexcept;

extern fi_ops_msg message_ops;    // message.cpp
extern fi_ops_tagged tagged_ops;  // tagged.cpp
extern fi_ops endpoint_object_ops;
extern fi_ops_ep endpoint_ops;
extern fi_ops_cm endpoint_name_ops;  // endpoint_control.cpp
extern fi_ops_rma rma_ops;        // rma.cpp
extern fi_ops_atomic atomic_ops;  // atomic.cpp
extern fi_ops_collective no_collective_ops;  // unsupported_ops.cpp

}  // namespace weft::provider
