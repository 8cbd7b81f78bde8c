// fid_ep: a reliable datagram endpoint in libfabric's clothes. rdm::Endpoint does the work; here are
// the rules of which operation reports where, the first contact with a peer, and fences.
#pragma once

#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "fabric/provider/deferred.hpp"
#include "fabric/provider/endpoint_base.hpp"
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

class Endpoint final : public EndpointBase, public rdm::CompletionSink {
 public:
  Endpoint(Domain& domain, const fi_info& info, void* context);

  static Endpoint* of(fid_ep* endpoint) { return static_cast<Endpoint*>(endpoint); }

  // Data, transfer.cpp. Flags that the simple calls use: transmit_flags() and receive_flags().
  ssize_t send(const Outgoing& message) noexcept;
  ssize_t inject(const Outgoing& message) noexcept;  // fi_inject and its kin: never a completion
  ssize_t receive(const Incoming& request) noexcept;
  ssize_t cancel(void* context) noexcept override;
  // One-sided operations, one_sided.cpp. The request lacks only what this fills in: peer, flags, an inject's context.
  ssize_t one_sided(rdm::OneSidedRequest& request, fi_addr_t peer, std::uint64_t flags, bool injected) noexcept;

  int get_option(int name, void* value, std::size_t* size) override;
  int set_option(int name, const void* value, std::size_t size) override;

  void set_peer(std::uint32_t peer, const device::Address& address) override;
  void remove_peer(std::uint32_t peer) override;
  int wait_limit_ms() const override { return rdm_->wait_limit_ms(); }
  device::QueuePair& queue_pair() override { return rdm_->queue_pair(); }
  void append_dump(std::string& text) override { rdm_->dump(text); }

  void on_completion(const rdm::Completion& completion) override;
  void on_device_gone() override { report_device_gone(); }

 private:
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

  int start(std::unique_ptr<device::QueuePair> queue_pair) override;
  unsigned move() override;
  void say_last_words() override { rdm_->say_last_words(); }
  bool drained() const override { return rdm_->drained() && deferred_.empty(); }

  ssize_t check_send(const Outgoing& message) const;
  int post(const rdm::SendRequest& request);
  int inject_first(rdm::SendRequest request);
  void forget(FirstContact& contact);
  void report_success(const rdm::Completion& completion);
  void report_failure(const rdm::Completion& completion);
  void lost_injected(const rdm::Completion& completion, rdm::PeerIndex peer);

  Counter* counter_of(const rdm::Completion& completion) const;
  void on_remote_access(const rdm::Completion& completion);

  // fence.cpp
  bool must_defer(rdm::PeerIndex peer, std::uint64_t flags) const;
  int defer(const rdm::SendRequest& request, std::uint64_t flags);
  int defer(const rdm::OneSidedRequest& request, std::uint64_t flags);
  unsigned post_deferred();
  int try_deferred(const Deferred& operation);
  void fail_deferred(const Deferred& operation, int error);

  std::size_t min_multi_receive_ = 64;
  std::unique_ptr<rdm::Endpoint> rdm_;  // null until enabled
  std::vector<std::unique_ptr<FirstContact>> first_contacts_;
  std::vector<bool> contacted_;         // per peer: an injected message of ours got through
  std::list<Deferred> deferred_;  // in the order they were posted
};

extern fi_ops_msg message_ops;    // message.cpp
extern fi_ops_tagged tagged_ops;  // tagged.cpp
extern fi_ops_rma rma_ops;        // rma.cpp
extern fi_ops_atomic atomic_ops;  // atomic.cpp

}  // namespace weft::provider
