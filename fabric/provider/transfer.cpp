// What all data calls share: libfabric's flags into the transport's, and its completions into queue entries.
//
// Injected messages have no context to blame a failure on. libfabric's rule is to use the endpoint's context, and most
// programs have none there: Open MPI's mtl/ofi would follow a null pointer. So the first injected message to each peer
// is waited for - the daemon answers within microseconds whether the peer can be reached - and a refusal is the return
// value of the call. A later one that is lost is logged, and the next message to that peer is waited for again.
#include <rdma/fi_errno.h>

#include <chrono>
#include <cstring>
#include <mutex>

#include "fabric/provider/endpoint.hpp"
#include "fabric/provider/error_text.hpp"
#include "fabric/provider/explain.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/report.hpp"
#include "fabric/provider/strict.hpp"

namespace weft::provider {
namespace {

// How long a first contact is waited for. Longer than any live daemon takes; a stopped one must not stop us for long.
constexpr std::chrono::milliseconds kFirstContactTimeout{100};

std::uint64_t entry_flags(const rdm::Completion& completion) {
  if (completion.one_sided != rdm::OneSided::kNone) return one_sided_flags(completion);
  std::uint64_t flags = (completion.is_send ? FI_SEND : FI_RECV) |
                        ((completion.flags & rdm::kTagged) != 0 ? FI_TAGGED : FI_MSG);
  if (completion.has_remote_data && !completion.is_send) flags |= FI_REMOTE_CQ_DATA;
  if (completion.buffer_released) flags |= FI_MULTI_RECV;
  return flags;
}

fi_addr_t fabric_address(rdm::PeerIndex peer) { return peer < rdm::kUnknownPeer ? peer : FI_ADDR_NOTAVAIL; }

}  // namespace

ssize_t Endpoint::check_send(const Outgoing& message) const {
  if (rdm_ == nullptr) return -FI_EOPBADSTATE;
  if (message.count > rdm::kMaxIov || message.destination >= rdm::kUnknownPeer) return -FI_EINVAL;
  if ((message.flags & kRefusedFlags) != 0) return -FI_EINVAL;
  if (settings.strict) [[unlikely]] {
    if (ssize_t error = strict::check(message); error != 0) return error;
  }
  return back_pressure() ? -FI_EAGAIN : 0;
}

// A full queue may only need somebody to take the finished packets out: that is done here, no other thread is needed.
int Endpoint::post(const rdm::SendRequest& request) {
  int error = rdm_->send(request);
  if (error == -EAGAIN && progress() != 0) error = rdm_->send(request);
  if (error == -ENETDOWN) explain_device_gone(domain.address);
  return error;
}

ssize_t Endpoint::send(const Outgoing& message) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (ssize_t error = check_send(message); error != 0) return error;
  const bool wanted = !transmit_selective_ || (message.flags & FI_COMPLETION) != 0;
  rdm::SendRequest request;
  request.peer = static_cast<rdm::PeerIndex>(message.destination);
  request.iov = {message.iov, message.count};
  request.tag = message.tag;
  request.remote_data = message.data;
  request.context = message.context;
  request.flags = report_flags(wanted, transmit_queue_, counters_[kSendCounter]);
  if (message.tagged) request.flags |= rdm::kTagged;
  if ((message.flags & FI_INJECT) != 0) request.flags |= rdm::kInject;
  if ((message.flags & FI_REMOTE_CQ_DATA) != 0) request.flags |= rdm::kRemoteData;
  // FI_MATCH_COMPLETE is met by the stronger level: we say when the data is placed, not when it is matched.
  if ((message.flags & (FI_DELIVERY_COMPLETE | FI_MATCH_COMPLETE)) != 0) request.flags |= rdm::kDeliveryComplete;
  if (must_defer(request.peer, message.flags)) [[unlikely]] return defer(request, message.flags);
  return post(request);
}

ssize_t Endpoint::inject(const Outgoing& message) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (ssize_t error = check_send(message); error != 0) return error;
  if (message.iov->iov_len > inject_size_) return -FI_EMSGSIZE;
  rdm::SendRequest request;
  request.peer = static_cast<rdm::PeerIndex>(message.destination);
  request.iov = {message.iov, message.count};
  request.tag = message.tag;
  request.remote_data = message.data;
  request.context = reinterpret_cast<void*>(std::uintptr_t{request.peer});
  request.flags = rdm::kInject | kNoContext | report_flags(false, nullptr, counters_[kSendCounter]);
  if (message.tagged) request.flags |= rdm::kTagged;
  if ((message.flags & FI_REMOTE_CQ_DATA) != 0) request.flags |= rdm::kRemoteData;
  if (must_defer(request.peer, 0)) [[unlikely]] return defer(request, 0);
  const bool contacted = request.peer < contacted_.size() && contacted_[request.peer];
  return contacted ? post(request) : inject_first(request);
}

int Endpoint::inject_first(rdm::SendRequest request) {
  // Sent from a copy and not as an inject, which would be complete with its copying.
  FirstContact& contact = *first_contacts_.emplace_back(std::make_unique<FirstContact>());
  contact.peer = request.peer;
  const iovec copy{contact.message, request.iov.front().iov_len};
  if (copy.iov_len != 0) std::memcpy(copy.iov_base, request.iov.front().iov_base, copy.iov_len);
  request.iov = {&copy, 1};
  request.context = &contact;
  request.flags = (request.flags & ~(kNoContext | rdm::kInject | rdm::kCountOnly)) | kFirstContact | rdm::kCompletion;
  if (int error = post(request); error != 0) {
    forget(contact);
    return error;
  }
  const auto end = std::chrono::steady_clock::now() + kFirstContactTimeout;
  while (!contact.done && std::chrono::steady_clock::now() < end) {
    if (progress() == 0) sched_yield();
  }
  // Not done in time: a peer that is not ready, or a daemon that is stopped. The message is on its way all the same.
  contact.abandoned = !contact.done;
  const rdm::Status status = contact.status;
  const int provider_number = contact.provider_error;
  const char* const hint = contact.hint;
  if (contact.done) forget(contact);
  if (status != rdm::Status::kOk) {
    explain_once(status, domain.address, provider_number, hint);
    return -fabric_error(status);
  }
  if (request.peer >= contacted_.size()) contacted_.resize(request.peer + 1);
  contacted_[request.peer] = true;
  return 0;
}

void Endpoint::forget(FirstContact& contact) {
  std::erase_if(first_contacts_, [&](const auto& kept) { return kept.get() == &contact; });
}

ssize_t Endpoint::receive(const Incoming& message) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (rdm_ == nullptr) return -FI_EOPBADSTATE;
  if (message.count > rdm::kMaxIov || (message.flags & (kRefusedFlags | FI_FENCE)) != 0) return -FI_EINVAL;
  if (settings.strict) [[unlikely]] {
    if (ssize_t error = strict::check(message); error != 0) return error;
  }
  if (back_pressure()) return -FI_EAGAIN;
  rdm::ReceiveRequest request;
  if ((caps_ & FI_DIRECTED_RECV) != 0 && message.source != FI_ADDR_UNSPEC) {
    if (message.source >= rdm::kUnknownPeer) return -FI_EINVAL;
    request.source = static_cast<rdm::PeerIndex>(message.source);
  }
  const bool wanted = !receive_selective_ || (message.flags & FI_COMPLETION) != 0;
  request.iov = {message.iov, message.count};
  request.tag = message.tag;
  request.ignore = message.ignore;
  request.context = message.context;
  request.flags = report_flags(wanted, receive_queue_, counters_[kReceiveCounter]);
  if (message.tagged) request.flags |= rdm::kTagged;
  if (!message.tagged && (message.flags & FI_MULTI_RECV) != 0) request.flags |= rdm::kMultiReceive;
  const bool discard = message.tagged && (message.flags & FI_DISCARD) != 0;
  const bool claim = message.tagged && (message.flags & FI_CLAIM) != 0;
  if ((message.flags & FI_PEEK) != 0) {
    if (!message.tagged) return -FI_EINVAL;
    request.flags = rdm::kTagged | rdm::kCompletion | kPeek;
    return rdm_->peek(request, discard ? rdm::PeekMode::kPeekAndDiscard
                                       : claim ? rdm::PeekMode::kPeekAndClaim : rdm::PeekMode::kPeek);
  }
  if (claim) return rdm_->claim(request, discard);
  if (discard) return -FI_EINVAL;  // only together with FI_PEEK or FI_CLAIM (fi_tagged(3))
  return rdm_->receive(request);
}

ssize_t Endpoint::cancel(void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (rdm_ == nullptr) return -FI_EOPBADSTATE;
  return rdm_->cancel(context, true) || rdm_->cancel(context, false) ? 0 : -FI_ENOENT;
}

// Called by the transport, in our own calls into it: the lock is held.
void Endpoint::on_completion(const rdm::Completion& completion) {
  if (completion.is_remote) return on_remote_access(completion);
  const bool failed = completion.status != rdm::Status::kOk;
  const bool counted = (completion.flags & kPeek) == 0 && completion.status != rdm::Status::kCanceled;
  Counter* counter = counter_of(completion);
  if (counter != nullptr && counted) counter->count(failed);
  if ((completion.flags & kFirstContact) != 0) {
    FirstContact& contact = *static_cast<FirstContact*>(completion.context);
    contact.done = true;
    contact.status = completion.status;
    contact.provider_error = provider_error(completion.status, completion.device_status);
    contact.hint = hint_text(completion.hint);
    if (!contact.abandoned) return;
    if (failed) lost_injected(completion, contact.peer);
    forget(contact);
  } else if ((completion.flags & kNoContext) != 0) {
    const auto peer = static_cast<rdm::PeerIndex>(reinterpret_cast<std::uintptr_t>(completion.context));
    if (failed) lost_injected(completion, peer);
  } else if (failed) {
    report_failure(completion);
  } else if ((completion.flags & rdm::kCountOnly) == 0 || completion.buffer_released) {
    report_success(completion);
  }
}

void Endpoint::report_success(const rdm::Completion& completion) {
  CompletionQueue* queue = completion.is_send ? transmit_queue_ : receive_queue_;
  if (queue == nullptr) return;
  queue->push({.entry = {.op_context = completion.context,
                         .flags = entry_flags(completion),
                         .len = completion.length,
                         .buf = completion.buffer,
                         .data = completion.remote_data,
                         .tag = completion.tag},
               .source = fabric_address(completion.source)});
}

void Endpoint::report_failure(const rdm::Completion& completion) {
  const int provider_number = provider_error(completion.status, completion.device_status);
  const char* const hint = hint_text(completion.hint);
  explain_once(completion.status, domain.address, provider_number, hint);
  CompletionQueue* queue = completion.is_send ? transmit_queue_ : receive_queue_;
  if (queue == nullptr) return;
  fi_cq_err_entry error{};
  error.op_context = completion.context;
  error.flags = entry_flags(completion);
  error.len = completion.length;
  error.buf = completion.buffer;
  error.data = completion.remote_data;
  error.tag = completion.tag;
  error.olen = completion.overflow;
  error.err = fabric_error(completion.status);
  error.prov_errno = provider_number;
  error.err_data = const_cast<char*>(hint);
  error.err_data_size = hint != nullptr ? std::strlen(hint) + 1 : 0;
  queue->push_error(error);
}

void Endpoint::lost_injected(const rdm::Completion& completion, rdm::PeerIndex peer) {
  const int provider_number = provider_error(completion.status, completion.device_status);
  const char* const hint = hint_text(completion.hint);
  WEFT_LOG(WARN, EP_DATA, "an injected message was lost: %s\n", full_text(provider_number, hint, nullptr, 0));
  explain_once(completion.status, domain.address, provider_number, hint);
  if (peer < contacted_.size()) contacted_[peer] = false;
  if (fid.context == nullptr) return;
  rdm::Completion blamed = completion;
  blamed.context = fid.context;
  report_failure(blamed);
}

}  // namespace weft::provider
