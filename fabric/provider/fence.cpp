// FI_FENCE (fi_endpoint(3)): the fenced operation, and every one posted after it to the same peer, begins when all that
// was posted to that peer before it is complete. Such operations wait here, in order, and leave from progress().
//
// Fences are rare, so the list is one per endpoint and is searched; without a fence it is empty and costs one look.
#include <rdma/fi_errno.h>

#include <algorithm>

#include "fabric/provider/endpoint.hpp"
#include "fabric/provider/explain.hpp"

namespace weft::provider {
namespace {

std::span<const iovec> keep(rdm::IovList& list, std::span<const iovec> iov) {
  list.assign(iov);
  return list.view();
}

// An injected buffer is the caller's again on return.
std::span<const iovec> keep_injected(rdm::IovList& list, std::vector<std::byte>& copy, std::span<const iovec> iov) {
  copy.resize(rdm::total_length(iov));
  rdm::gather(iov, 0, copy.data(), copy.size());
  const iovec whole{copy.data(), copy.size()};
  return keep(list, {&whole, 1});
}

}  // namespace

Deferred::Deferred(const rdm::SendRequest& request, bool fenced)
    : fenced_(fenced), kind_(rdm::OneSided::kNone), send_(request) {
  const bool injected = (request.flags & rdm::kInject) != 0;
  send_.iov = injected ? keep_injected(local_, injected_, request.iov) : keep(local_, request.iov);
}

Deferred::Deferred(const rdm::OneSidedRequest& request, bool fenced)
    : fenced_(fenced), kind_(request.kind), one_sided_(request) {
  const bool injected = (request.flags & rdm::kInject) != 0;
  one_sided_.local = injected ? keep_injected(local_, injected_, request.local) : keep(local_, request.local);
  one_sided_.compare = keep(compare_, request.compare);
  one_sided_.result = keep(result_, request.result);
  std::copy(request.remote.begin(), request.remote.end(), remote_);
  one_sided_.remote = {remote_, request.remote.size()};
}

bool Endpoint::must_defer(rdm::PeerIndex peer, std::uint64_t flags) const {
  if ((flags & FI_FENCE) != 0 && rdm_->outstanding(peer) != 0) return true;
  return !deferred_.empty() &&
         std::ranges::any_of(deferred_, [&](const Deferred& waiting) { return waiting.peer() == peer; });
}

int Endpoint::defer(const rdm::SendRequest& request, std::uint64_t flags) {
  if ((request.flags & rdm::kInject) != 0 && rdm::total_length(request.iov) > rdm::kInjectSize) return -FI_EMSGSIZE;
  if (deferred_.size() >= transmit_size_) return -FI_EAGAIN;
  deferred_.emplace_back(request, (flags & FI_FENCE) != 0);
  return 0;
}

int Endpoint::defer(const rdm::OneSidedRequest& request, std::uint64_t flags) {
  if (request.local.size() > rdm::kMaxIov || request.compare.size() > rdm::kMaxIov ||
      request.result.size() > rdm::kMaxIov || request.remote.size() > rdm::kMaxIov)
    return -FI_EINVAL;
  if (deferred_.size() >= transmit_size_) return -FI_EAGAIN;
  deferred_.emplace_back(request, (flags & FI_FENCE) != 0);
  return 0;
}

int Endpoint::try_deferred(const Deferred& operation) {
  if (operation.fenced() && rdm_->outstanding(operation.peer()) != 0) return -FI_EAGAIN;
  return operation.is_send() ? rdm_->send(operation.send()) : rdm_->one_sided(operation.one_sided());
}

// One that cannot go yet holds up the later ones to its peer, and nobody else's.
unsigned Endpoint::post_deferred() {
  unsigned posted = 0;
  std::vector<rdm::PeerIndex> held;
  for (auto next = deferred_.begin(); next != deferred_.end();) {
    const rdm::PeerIndex peer = next->peer();
    if (std::ranges::find(held, peer) != held.end()) {
      ++next;
      continue;
    }
    const int error = try_deferred(*next);
    if (error == -FI_EAGAIN) {
      held.push_back(peer);
      ++next;
      continue;
    }
    if (error != 0) fail_deferred(*next, error);
    ++posted;
    next = deferred_.erase(next);
  }
  return posted;
}

// The posting call has long returned 0: the failure is a completion.
void Endpoint::fail_deferred(const Deferred& operation, int error) {
  rdm::Completion completion;
  completion.is_send = true;
  completion.status = error == -FI_ENETDOWN ? rdm::Status::kDeviceGone : rdm::Status::kInternal;
  if (operation.is_send()) {
    completion.context = operation.send().context;
    completion.flags = operation.send().flags;
    completion.tag = operation.send().tag;
  } else {
    completion.context = operation.one_sided().context;
    completion.flags = operation.one_sided().flags;
    completion.one_sided = operation.one_sided().kind;
  }
  on_completion(completion);
}

}  // namespace weft::provider
