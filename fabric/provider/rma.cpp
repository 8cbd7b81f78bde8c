// fi_rma(3): the nine calls. Each fills one request; one_sided.cpp does the rest.
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include "fabric/provider/endpoint.hpp"

namespace weft::provider {
namespace {

std::size_t length_of(const iovec* iov, std::size_t count) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < count; ++i) length += iov[i].iov_len;
  return length;
}

struct Call {
  rdm::OneSided kind;
  const iovec* iov;
  std::size_t count;
  fi_addr_t peer;
  std::uint64_t data;
  void* context;
  std::uint64_t flags;
  bool injected = false;
};

ssize_t start(fid_ep* endpoint, const Call& call, std::span<const rdm::RemotePiece> remote) noexcept {
  if (call.count > rdm::kMaxIov) return -FI_EINVAL;
  rdm::OneSidedRequest request;
  request.kind = call.kind;
  request.local = {call.iov, call.count};
  request.remote = remote;
  request.remote_data = call.data;
  request.context = call.context;
  return Endpoint::of(endpoint)->one_sided(request, call.peer, call.flags, call.injected);
}

/// The simple forms name one remote place, as long as the buffer.
ssize_t start_at(fid_ep* endpoint, const Call& call, std::uint64_t address, std::uint64_t key) noexcept {
  const rdm::RemotePiece remote{address, length_of(call.iov, call.count), key};
  return start(endpoint, call, {&remote, 1});
}

ssize_t start_message(fid_ep* endpoint, rdm::OneSided kind, const fi_msg_rma* message, std::uint64_t flags) noexcept {
  if (message->rma_iov_count > rdm::kMaxIov) return -FI_EINVAL;
  rdm::RemotePiece remote[rdm::kMaxIov];
  for (std::size_t i = 0; i < message->rma_iov_count; ++i) {
    remote[i] = {message->rma_iov[i].addr, message->rma_iov[i].len, message->rma_iov[i].key};
  }
  return start(endpoint,
               {.kind = kind,
                .iov = message->msg_iov,
                .count = message->iov_count,
                .peer = message->addr,
                .data = message->data,
                .context = message->context,
                .flags = flags},
               {remote, message->rma_iov_count});
}

ssize_t read_vector(fid_ep* endpoint, const iovec* iov, void**, std::size_t count, fi_addr_t source,
                    std::uint64_t address, std::uint64_t key, void* context) noexcept {
  return start_at(endpoint,
                  {.kind = rdm::OneSided::kRead,
                   .iov = iov,
                   .count = count,
                   .peer = source,
                   .data = 0,
                   .context = context,
                   .flags = Endpoint::of(endpoint)->transmit_flags()},
                  address, key);
}

ssize_t read(fid_ep* endpoint, void* buffer, std::size_t size, void*, fi_addr_t source, std::uint64_t address,
             std::uint64_t key, void* context) noexcept {
  const iovec iov{buffer, size};
  return read_vector(endpoint, &iov, nullptr, 1, source, address, key, context);
}

ssize_t read_message(fid_ep* endpoint, const fi_msg_rma* message, std::uint64_t flags) noexcept {
  return start_message(endpoint, rdm::OneSided::kRead, message, flags);
}

ssize_t write_vector(fid_ep* endpoint, const iovec* iov, void**, std::size_t count, fi_addr_t destination,
                     std::uint64_t address, std::uint64_t key, void* context) noexcept {
  return start_at(endpoint,
                  {.kind = rdm::OneSided::kWrite,
                   .iov = iov,
                   .count = count,
                   .peer = destination,
                   .data = 0,
                   .context = context,
                   .flags = Endpoint::of(endpoint)->transmit_flags()},
                  address, key);
}

ssize_t write(fid_ep* endpoint, const void* buffer, std::size_t size, void*, fi_addr_t destination,
              std::uint64_t address, std::uint64_t key, void* context) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return write_vector(endpoint, &iov, nullptr, 1, destination, address, key, context);
}

ssize_t write_message(fid_ep* endpoint, const fi_msg_rma* message, std::uint64_t flags) noexcept {
  return start_message(endpoint, rdm::OneSided::kWrite, message, flags);
}

ssize_t write_data(fid_ep* endpoint, const void* buffer, std::size_t size, void*, std::uint64_t data,
                   fi_addr_t destination, std::uint64_t address, std::uint64_t key, void* context) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return start_at(endpoint,
                  {.kind = rdm::OneSided::kWrite,
                   .iov = &iov,
                   .count = 1,
                   .peer = destination,
                   .data = data,
                   .context = context,
                   .flags = Endpoint::of(endpoint)->transmit_flags() | FI_REMOTE_CQ_DATA},
                  address, key);
}

ssize_t inject(fid_ep* endpoint, const void* buffer, std::size_t size, std::uint64_t data, std::uint64_t flags,
               fi_addr_t destination, std::uint64_t address, std::uint64_t key) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return start_at(endpoint,
                  {.kind = rdm::OneSided::kWrite,
                   .iov = &iov,
                   .count = 1,
                   .peer = destination,
                   .data = data,
                   .context = nullptr,
                   .flags = flags,
                   .injected = true},
                  address, key);
}

ssize_t inject_write(fid_ep* endpoint, const void* buffer, std::size_t size, fi_addr_t destination,
                     std::uint64_t address, std::uint64_t key) noexcept {
  return inject(endpoint, buffer, size, 0, 0, destination, address, key);
}

ssize_t inject_write_data(fid_ep* endpoint, const void* buffer, std::size_t size, std::uint64_t data,
                          fi_addr_t destination, std::uint64_t address, std::uint64_t key) noexcept {
  return inject(endpoint, buffer, size, data, FI_REMOTE_CQ_DATA, destination, address, key);
}

}  // namespace

constinit fi_ops_rma rma_ops = {
    .size = sizeof(fi_ops_rma),
    .read = read,
    .readv = read_vector,
    .readmsg = read_message,
    .write = write,
    .writev = write_vector,
    .writemsg = write_message,
    .inject = inject_write,
    .writedata = write_data,
    .injectdata = inject_write_data,
};

}  // namespace weft::provider
