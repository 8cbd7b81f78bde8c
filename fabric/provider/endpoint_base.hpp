// What reliable (endpoint.hpp) and unreliable (datagram.hpp) endpoints have in common: the bindings to queues, counters
// and an address vector, the local name, who sleeps on the queue pair, and how enabling, closing and progress go.
#pragma once

#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fabric/device/queue_pair.hpp"
#include "fabric/provider/address_vector.hpp"
#include "fabric/provider/completion_queue.hpp"
#include "fabric/provider/counter.hpp"
#include "fabric/provider/domain.hpp"
#include "fabric/provider/event_queue.hpp"

namespace weft::provider {

class EndpointBase : public fid_ep {
 public:
  EndpointBase(Domain& domain, const fi_info& info, void* context);
  virtual ~EndpointBase();
  EndpointBase(const EndpointBase&) = delete;
  EndpointBase& operator=(const EndpointBase&) = delete;

  static EndpointBase* of(struct fid* generic) { return from_fid<EndpointBase, fid_ep>(generic); }
  static EndpointBase* of(fid_ep* endpoint) { return static_cast<EndpointBase*>(endpoint); }

  // The libfabric calls. They take the domain's lock themselves.
  int bind(struct fid* other, std::uint64_t flags);
  int enable();
  int close();
  int set_name(const void* address, std::size_t size);
  int get_name(void* address, std::size_t* size);
  std::uint64_t* default_flags(std::uint64_t which);
  virtual ssize_t cancel(void* context) noexcept = 0;
  virtual int get_option(int name, void* value, std::size_t* size) = 0;
  virtual int set_option(int name, const void* value, std::size_t size) = 0;

  std::uint64_t transmit_flags() const { return transmit_flags_; }
  std::uint64_t receive_flags() const { return receive_flags_; }

  // For address vectors, watchers and the registry; enabled endpoints only, under the domain's lock.
  virtual void set_peer(std::uint32_t peer, const device::Address& address) = 0;
  virtual void remove_peer(std::uint32_t peer) = 0;
  virtual device::QueuePair& queue_pair() = 0;
  /// As rdm::Endpoint::wait_limit_ms().
  virtual int wait_limit_ms() const { return -1; }
  /// Moves everything that can move; how many packets were handled.
  unsigned progress();
  bool arm(Watcher& watcher);
  void disarm(Watcher& watcher);
  /// What everything of ours waits for, in lines of text.
  virtual void append_dump(std::string& text) = 0;
  using Clock = std::chrono::steady_clock;
  static Clock::time_point linger_end();  // FI_WEFT_LINGER_MS from now
  /// Makes progress until nothing of ours is in flight, or it is that time. Takes the lock itself.
  void linger(Clock::time_point end);

  Domain& domain;

 protected:
  /// Takes the queue pair over: from now on enabled. 0 or -errno.
  virtual int start(std::unique_ptr<device::QueuePair> queue_pair) = 0;
  virtual unsigned move() = 0;
  virtual bool drained() const = 0;
  virtual void say_last_words() {}

  /// The daemon or the function is gone; after the errors of what was under way.
  void report_device_gone();

  bool enabled() const { return enabled_; }
  /// The application does not read a queue of ours.
  bool back_pressure() const;

  const std::uint64_t caps_;
  std::uint64_t transmit_flags_;  // default flags of operations: FI_INJECT, FI_DELIVERY_COMPLETE, FI_COMPLETION
  std::uint64_t receive_flags_;
  const std::size_t inject_size_;
  const std::size_t transmit_size_;

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

 private:
  friend class EndpointRegistry;

  int check_bindings() const;
  int bind_queue(CompletionQueue& queue, std::uint64_t flags);
  int bind_counter(Counter& counter, std::uint64_t flags);
  void attach();
  void detach();

  bool enabled_ = false;
  std::uint16_t wanted_qpn_ = 0;        // 0: any
  std::vector<Watcher*> sleepers_;      // who is armed on our queue pair
  EndpointBase* next_live_ = nullptr;   // the registry's list
  std::uint32_t dumps_made_ = 0;
};

int open_endpoint(fid_domain* domain, fi_info* info, fid_ep** endpoint, void* context) noexcept;

extern fi_ops endpoint_object_ops;  // endpoint_control.cpp
extern fi_ops_ep endpoint_ops;
extern fi_ops_cm endpoint_name_ops;
extern fi_ops_collective no_collective_ops;  // unsupported_ops.cpp

}  // namespace weft::provider
