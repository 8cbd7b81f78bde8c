// fi_msg(3): the nine untagged calls. Each fills one Outgoing or Incoming; transfer.cpp does the rest.
#include "fabric/provider/endpoint.hpp"

namespace weft::provider {
namespace {

ssize_t receive_vector(fid_ep* endpoint, const iovec* iov, void**, std::size_t count, fi_addr_t source,
                       void* context) noexcept {
  auto* self = Endpoint::of(endpoint);
  return self->receive({.iov = iov,
                        .count = count,
                        .source = source,
                        .tag = 0,
                        .ignore = 0,
                        .context = context,
                        .flags = self->receive_flags(),
                        .tagged = false});
}

ssize_t receive(fid_ep* endpoint, void* buffer, std::size_t size, void*, fi_addr_t source, void* context) noexcept {
  const iovec iov{buffer, size};
  return receive_vector(endpoint, &iov, nullptr, 1, source, context);
}

ssize_t receive_message(fid_ep* endpoint, const fi_msg* message, std::uint64_t flags) noexcept {
  return Endpoint::of(endpoint)->receive({.iov = message->msg_iov,
                                          .count = message->iov_count,
                                          .source = message->addr,
                                          .tag = 0,
                                          .ignore = 0,
                                          .context = message->context,
                                          .flags = flags,
                                          .tagged = false});
}

Outgoing outgoing(const iovec* iov, std::size_t count, fi_addr_t destination, void* context, std::uint64_t flags,
                  std::uint64_t data = 0) {
  return {.iov = iov,
          .count = count,
          .destination = destination,
          .tag = 0,
          .data = data,
          .context = context,
          .flags = flags,
          .tagged = false};
}

ssize_t send_vector(fid_ep* endpoint, const iovec* iov, void**, std::size_t count, fi_addr_t destination,
                    void* context) noexcept {
  auto* self = Endpoint::of(endpoint);
  return self->send(outgoing(iov, count, destination, context, self->transmit_flags()));
}

ssize_t send(fid_ep* endpoint, const void* buffer, std::size_t size, void*, fi_addr_t destination,
             void* context) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return send_vector(endpoint, &iov, nullptr, 1, destination, context);
}

ssize_t send_message(fid_ep* endpoint, const fi_msg* message, std::uint64_t flags) noexcept {
  return Endpoint::of(endpoint)->send(
      outgoing(message->msg_iov, message->iov_count, message->addr, message->context, flags, message->data));
}

ssize_t send_data(fid_ep* endpoint, const void* buffer, std::size_t size, void*, std::uint64_t data,
                  fi_addr_t destination, void* context) noexcept {
  auto* self = Endpoint::of(endpoint);
  const iovec iov{const_cast<void*>(buffer), size};
  return self->send(outgoing(&iov, 1, destination, context, self->transmit_flags() | FI_REMOTE_CQ_DATA, data));
}

ssize_t inject(fid_ep* endpoint, const void* buffer, std::size_t size, fi_addr_t destination) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return Endpoint::of(endpoint)->inject(outgoing(&iov, 1, destination, nullptr, FI_INJECT));
}

ssize_t inject_data(fid_ep* endpoint, const void* buffer, std::size_t size, std::uint64_t data,
                    fi_addr_t destination) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return Endpoint::of(endpoint)->inject(
      outgoing(&iov, 1, destination, nullptr, FI_INJECT | FI_REMOTE_CQ_DATA, data));
}

}  // namespace

constinit fi_ops_msg message_ops = {
    .size = sizeof(fi_ops_msg),
    .recv = receive,
    .recvv = receive_vector,
    .recvmsg = receive_message,
    .send = send,
    .sendv = send_vector,
    .sendmsg = send_message,
    .inject = inject,
    .senddata = send_data,
    .injectdata = inject_data,
};

}  // namespace weft::provider
