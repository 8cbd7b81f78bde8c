// fi_atomic(3): the calls, and the questions which operations there are. one_sided.cpp does the rest.
#include <rdma/fi_atomic.h>
#include <rdma/fi_errno.h>

#include "fabric/provider/endpoint.hpp"

namespace weft::provider {
namespace {

// The transport's numbers are libfabric's, so that one cast leads to the other.
static_assert(static_cast<int>(rdm::AtomicOp::kRead) == FI_ATOMIC_READ);
static_assert(static_cast<int>(rdm::AtomicOp::kMaskedSwap) == FI_MSWAP);
static_assert(static_cast<int>(rdm::AtomicType::kLongDoubleComplex) == FI_LONG_DOUBLE_COMPLEX);
static_assert(static_cast<int>(rdm::AtomicType::kLongDoubleComplex) + 1 == FI_DATATYPE_LAST);
static_assert(rdm::kAtomicOps == FI_ATOMIC_OP_LAST);

// Of one element; 0 when there is no such operation.
std::size_t element_size(rdm::AtomicKind kind, fi_datatype type, fi_op op) {
  if (static_cast<unsigned>(type) > 255 || static_cast<unsigned>(op) > 255) return 0;
  const auto our_type = static_cast<rdm::AtomicType>(type);
  return rdm::is_atomic(kind, static_cast<rdm::AtomicOp>(op), our_type) ? rdm::size_of(our_type) : 0;
}

rdm::AtomicKind atomic_kind(rdm::OneSided kind) {
  switch (kind) {
    case rdm::OneSided::kFetchAtomic: return rdm::AtomicKind::kFetch;
    case rdm::OneSided::kCompareAtomic: return rdm::AtomicKind::kCompare;
    default: return rdm::AtomicKind::kBase;
  }
}

/// A list of elements as a list of bytes.
struct Bytes {
  iovec pieces[rdm::kMaxIov];
  std::size_t count = 0;

  Bytes(const fi_ioc* elements, std::size_t many, std::size_t size) : count(many) {
    for (std::size_t i = 0; i < many; ++i) pieces[i] = {elements[i].addr, elements[i].count * size};
  }
  std::span<const iovec> view() const { return {pieces, count}; }
};

struct Elements {
  const fi_ioc* list = nullptr;
  std::size_t count = 0;
};

struct Call {
  rdm::OneSided kind;
  Elements local, compare, result;
  fi_addr_t peer;
  const fi_rma_ioc* remote;
  std::size_t remote_count;
  fi_datatype type;
  fi_op op;
  std::uint64_t data = 0;
  void* context = nullptr;
  std::uint64_t flags = 0;
  bool injected = false;
};

ssize_t start(fid_ep* endpoint, const Call& call) noexcept {
  const std::size_t size = element_size(atomic_kind(call.kind), call.type, call.op);
  if (size == 0) return -FI_EOPNOTSUPP;
  if (call.local.count > rdm::kMaxIov || call.compare.count > rdm::kMaxIov || call.result.count > rdm::kMaxIov ||
      call.remote_count > rdm::kMaxIov)
    return -FI_EINVAL;
  rdm::RemotePiece remote[rdm::kMaxIov];
  for (std::size_t i = 0; i < call.remote_count; ++i) {
    remote[i] = {call.remote[i].addr, call.remote[i].count * size, call.remote[i].key};
    if (call.remote[i].count > rdm::kMaxAtomic) return -FI_EMSGSIZE;  // before it overflows
  }
  // What FI_ATOMIC_READ is given as operands is not looked at: it may be null.
  const Bytes local(call.local.list, call.op == FI_ATOMIC_READ ? 0 : call.local.count, size);
  const Bytes compare(call.compare.list, call.compare.count, size);
  const Bytes result(call.result.list, call.result.count, size);
  rdm::OneSidedRequest request;
  request.kind = call.kind;
  request.local = local.view();
  request.compare = compare.view();
  request.result = result.view();
  request.remote = {remote, call.remote_count};
  request.op = static_cast<rdm::AtomicOp>(call.op);
  request.type = static_cast<rdm::AtomicType>(call.type);
  request.remote_data = call.data;
  request.context = call.context;
  return Endpoint::of(endpoint)->one_sided(request, call.peer, call.flags, call.injected);
}

/// The forms without a message struct name one remote place, for as many elements as `counted` has.
ssize_t start_at(fid_ep* endpoint, Call call, const Elements& counted, std::uint64_t address, std::uint64_t key) noexcept {
  if (counted.count > rdm::kMaxIov) return -FI_EINVAL;
  fi_rma_ioc remote{address, 0, key};
  for (std::size_t i = 0; i < counted.count; ++i) remote.count += counted.list[i].count;
  call.remote = &remote;
  call.remote_count = 1;
  if (!call.injected) call.flags = Endpoint::of(endpoint)->transmit_flags();
  return start(endpoint, call);
}

Call from_message(rdm::OneSided kind, const fi_msg_atomic* message, Elements compare, Elements result,
                  std::uint64_t flags) {
  return {.kind = kind,
          .local = {message->msg_iov, message->iov_count},
          .compare = compare,
          .result = result,
          .peer = message->addr,
          .remote = message->rma_iov,
          .remote_count = message->rma_iov_count,
          .type = message->datatype,
          .op = message->op,
          .data = message->data,
          .context = message->context,
          .flags = flags};
}

Call simple(rdm::OneSided kind, Elements local, Elements compare, Elements result, fi_addr_t peer, fi_datatype type,
            fi_op op, void* context) {
  return {.kind = kind,
          .local = local,
          .compare = compare,
          .result = result,
          .peer = peer,
          .remote = nullptr,
          .remote_count = 0,
          .type = type,
          .op = op,
          .context = context};
}

ssize_t write_vector(fid_ep* endpoint, const fi_ioc* iov, void**, std::size_t count, fi_addr_t peer,
                     std::uint64_t address, std::uint64_t key, fi_datatype type, fi_op op, void* context) noexcept {
  const Elements local{iov, count};
  return start_at(endpoint, simple(rdm::OneSided::kAtomic, local, {}, {}, peer, type, op, context), local, address, key);
}

ssize_t write(fid_ep* endpoint, const void* buffer, std::size_t count, void*, fi_addr_t peer, std::uint64_t address,
              std::uint64_t key, fi_datatype type, fi_op op, void* context) noexcept {
  const fi_ioc local{const_cast<void*>(buffer), count};
  return write_vector(endpoint, &local, nullptr, 1, peer, address, key, type, op, context);
}

ssize_t write_message(fid_ep* endpoint, const fi_msg_atomic* message, std::uint64_t flags) noexcept {
  return start(endpoint, from_message(rdm::OneSided::kAtomic, message, {}, {}, flags));
}

ssize_t inject(fid_ep* endpoint, const void* buffer, std::size_t count, fi_addr_t peer, std::uint64_t address,
               std::uint64_t key, fi_datatype type, fi_op op) noexcept {
  const fi_ioc one{const_cast<void*>(buffer), count};
  const Elements local{&one, 1};
  Call call = simple(rdm::OneSided::kAtomic, local, {}, {}, peer, type, op, nullptr);
  call.injected = true;
  return start_at(endpoint, call, local, address, key);
}

ssize_t fetch_vector(fid_ep* endpoint, const fi_ioc* iov, void**, std::size_t count, fi_ioc* results, void**,
                     std::size_t result_count, fi_addr_t peer, std::uint64_t address, std::uint64_t key,
                     fi_datatype type, fi_op op, void* context) noexcept {
  const Elements result{results, result_count};
  return start_at(endpoint, simple(rdm::OneSided::kFetchAtomic, {iov, count}, {}, result, peer, type, op, context),
                  result, address, key);
}

ssize_t fetch(fid_ep* endpoint, const void* buffer, std::size_t count, void*, void* result, void*, fi_addr_t peer,
              std::uint64_t address, std::uint64_t key, fi_datatype type, fi_op op, void* context) noexcept {
  const fi_ioc local{const_cast<void*>(buffer), count};
  fi_ioc before{result, count};
  return fetch_vector(endpoint, &local, nullptr, 1, &before, nullptr, 1, peer, address, key, type, op, context);
}

ssize_t fetch_message(fid_ep* endpoint, const fi_msg_atomic* message, fi_ioc* results, void**, std::size_t result_count,
                      std::uint64_t flags) noexcept {
  return start(endpoint, from_message(rdm::OneSided::kFetchAtomic, message, {}, {results, result_count}, flags));
}

ssize_t compare_vector(fid_ep* endpoint, const fi_ioc* iov, void**, std::size_t count, const fi_ioc* comparands, void**,
                       std::size_t compare_count, fi_ioc* results, void**, std::size_t result_count, fi_addr_t peer,
                       std::uint64_t address, std::uint64_t key, fi_datatype type, fi_op op, void* context) noexcept {
  const Elements result{results, result_count};
  return start_at(endpoint,
                  simple(rdm::OneSided::kCompareAtomic, {iov, count}, {comparands, compare_count}, result, peer, type, op,
                         context),
                  result, address, key);
}

ssize_t compare(fid_ep* endpoint, const void* buffer, std::size_t count, void*, const void* comparand, void*,
                void* result, void*, fi_addr_t peer, std::uint64_t address, std::uint64_t key, fi_datatype type,
                fi_op op, void* context) noexcept {
  const fi_ioc local{const_cast<void*>(buffer), count};
  const fi_ioc with{const_cast<void*>(comparand), count};
  fi_ioc before{result, count};
  return compare_vector(endpoint, &local, nullptr, 1, &with, nullptr, 1, &before, nullptr, 1, peer, address, key, type,
                        op, context);
}

ssize_t compare_message(fid_ep* endpoint, const fi_msg_atomic* message, const fi_ioc* comparands, void**,
                        std::size_t compare_count, fi_ioc* results, void**, std::size_t result_count,
                        std::uint64_t flags) noexcept {
  return start(endpoint, from_message(rdm::OneSided::kCompareAtomic, message, {comparands, compare_count},
                                      {results, result_count}, flags));
}

template <rdm::AtomicKind kind>
int valid(fid_ep*, fi_datatype type, fi_op op, std::size_t* count) noexcept {
  const std::size_t size = element_size(kind, type, op);
  if (size == 0) return -FI_EOPNOTSUPP;
  if (count != nullptr) *count = rdm::kMaxAtomic / size;
  return 0;
}

}  // namespace

int query_atomic(fid_domain*, fi_datatype type, fi_op op, fi_atomic_attr* attributes, std::uint64_t flags) noexcept {
  if (attributes == nullptr || (flags & ~(FI_FETCH_ATOMIC | FI_COMPARE_ATOMIC)) != 0 ||
      flags == (FI_FETCH_ATOMIC | FI_COMPARE_ATOMIC))
    return -FI_EINVAL;
  const rdm::AtomicKind kind = (flags & FI_COMPARE_ATOMIC) != 0 ? rdm::AtomicKind::kCompare
                               : (flags & FI_FETCH_ATOMIC) != 0 ? rdm::AtomicKind::kFetch
                                                                : rdm::AtomicKind::kBase;
  const std::size_t size = element_size(kind, type, op);
  if (size == 0) return -FI_EOPNOTSUPP;
  attributes->count = rdm::kMaxAtomic / size;
  attributes->size = size;
  return 0;
}

constinit fi_ops_atomic atomic_ops = {
    .size = sizeof(fi_ops_atomic),
    .write = write,
    .writev = write_vector,
    .writemsg = write_message,
    .inject = inject,
    .readwrite = fetch,
    .readwritev = fetch_vector,
    .readwritemsg = fetch_message,
    .compwrite = compare,
    .compwritev = compare_vector,
    .compwritemsg = compare_message,
    .writevalid = valid<rdm::AtomicKind::kBase>,
    .readwritevalid = valid<rdm::AtomicKind::kFetch>,
    .compwritevalid = valid<rdm::AtomicKind::kCompare>,
};

}  // namespace weft::provider
