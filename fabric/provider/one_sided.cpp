// What fi_rma(3) and fi_atomic(3) share: flags, limits, who is told. The calls are in rma.cpp and atomic.cpp.
//
// Every operation completes when the target has said how it went. So a completion means FI_DELIVERY_COMPLETE whatever
// level was asked for, and an injected one that fails is reported like an injected message: it has no context.
#include <rdma/fi_errno.h>

#include <mutex>

#include "fabric/provider/endpoint.hpp"
#include "fabric/provider/explain.hpp"
#include "fabric/provider/memory_region.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/report.hpp"
#include "fabric/provider/strict.hpp"

namespace weft::provider {
namespace {

bool is_atomic(rdm::OneSided kind) { return kind >= rdm::OneSided::kAtomic; }

// fi_endpoint(3), fi_ep_bind: a fetching atomic counts as a read, a base one as a write.
bool is_read(rdm::OneSided kind) { return kind == rdm::OneSided::kRead || kind >= rdm::OneSided::kFetchAtomic; }

}  // namespace

ssize_t Endpoint::one_sided(rdm::OneSidedRequest& request, fi_addr_t peer, std::uint64_t flags, bool injected) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (rdm_ == nullptr) return -FI_EOPBADSTATE;
  if ((caps_ & (is_atomic(request.kind) ? FI_ATOMIC : FI_RMA)) == 0) return -FI_EOPNOTSUPP;
  if (peer >= rdm::kUnknownPeer || (flags & kRefusedFlags) != 0) return -FI_EINVAL;
  if (back_pressure()) return -FI_EAGAIN;
  const bool wanted = !injected && (!transmit_selective_ || (flags & FI_COMPLETION) != 0);
  Counter* const counter = counters_[is_read(request.kind) ? kReadCounter : kWriteCounter];
  request.peer = static_cast<rdm::PeerIndex>(peer);
  request.flags = report_flags(wanted, transmit_queue_, counter);
  if (injected) {
    request.flags |= rdm::kInject | kNoContext;
    request.context = reinterpret_cast<void*>(std::uintptr_t{request.peer});
  } else if ((flags & FI_INJECT) != 0 && !is_read(request.kind)) {
    request.flags |= rdm::kInject;
  }
  std::size_t length = 0;
  for (const rdm::RemotePiece& piece : request.remote) length += piece.length;
  if (settings.strict) [[unlikely]] {
    if (ssize_t error = strict::check(request, length, domain); error != 0) return error;
  }
  if ((request.flags & rdm::kInject) != 0 && length > inject_size_) return -FI_EMSGSIZE;
  if ((flags & FI_REMOTE_CQ_DATA) != 0 && request.kind != rdm::OneSided::kRead) request.flags |= rdm::kRemoteData;
  if (must_defer(request.peer, flags)) [[unlikely]] return defer(request, flags);
  int error = rdm_->one_sided(request);
  if (error == -FI_EAGAIN && progress() != 0) error = rdm_->one_sided(request);
  if (error == -FI_ENETDOWN) explain_device_gone(domain.address);
  return error;
}

std::uint64_t one_sided_flags(const rdm::Completion& completion) {
  const std::uint64_t flags = is_atomic(completion.one_sided) ? FI_ATOMIC : FI_RMA;
  if (completion.is_remote) return flags | (is_read(completion.one_sided) ? FI_REMOTE_READ : FI_REMOTE_WRITE);
  return flags | (is_read(completion.one_sided) ? FI_READ : FI_WRITE);
}

Counter* Endpoint::counter_of(const rdm::Completion& completion) const {
  if (completion.one_sided == rdm::OneSided::kNone) return counters_[completion.is_send ? kSendCounter : kReceiveCounter];
  if (completion.is_remote) return counters_[is_read(completion.one_sided) ? kRemoteReadCounter : kRemoteWriteCounter];
  return counters_[is_read(completion.one_sided) ? kReadCounter : kWriteCounter];
}

// A peer's operation on our memory: counted, and where it brought data for the queue, that is an entry without context.
void Endpoint::on_remote_access(const rdm::Completion& completion) {
  if (Counter* counter = counter_of(completion); counter != nullptr) counter->count(false);
  if (completion.region != nullptr) {
    static_cast<MemoryRegion*>(completion.region)->count(is_read(completion.one_sided));
  }
  if (!completion.has_remote_data || receive_queue_ == nullptr) return;
  receive_queue_->push({.entry = {.op_context = nullptr,
                                  .flags = one_sided_flags(completion) | FI_REMOTE_CQ_DATA,
                                  .len = completion.length,
                                  .buf = nullptr,
                                  .data = completion.remote_data,
                                  .tag = 0},
                        .source = completion.source < rdm::kUnknownPeer ? completion.source : FI_ADDR_NOTAVAIL});
}

}  // namespace weft::provider
