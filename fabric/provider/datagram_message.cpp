// fi_msg(3) for datagram endpoints: the nine calls.
#include "fabric/provider/datagram.hpp"

namespace weft::provider {
namespace {

ssize_t receive_vector(fid_ep* endpoint, const iovec* iov, void**, std::size_t count, fi_addr_t,
                       void* context) noexcept {
  auto* self = DatagramEndpoint::of(endpoint);
  return self->receive({iov, count}, context, self->receive_flags());
}

ssize_t receive(fid_ep* endpoint, void* buffer, std::size_t size, void*, fi_addr_t source, void* context) noexcept {
  const iovec iov{buffer, size};
  return receive_vector(endpoint, &iov, nullptr, 1, source, context);
}

ssize_t receive_message(fid_ep* endpoint, const fi_msg* message, std::uint64_t flags) noexcept {
  return DatagramEndpoint::of(endpoint)->receive({message->msg_iov, message->iov_count}, message->context, flags);
}

ssize_t send_vector(fid_ep* endpoint, const iovec* iov, void**, std::size_t count, fi_addr_t destination,
                    void* context) noexcept {
  auto* self = DatagramEndpoint::of(endpoint);
  return self->send({.iov = {iov, count}, .destination = destination, .context = context,
                     .flags = self->transmit_flags()});
}

ssize_t send(fid_ep* endpoint, const void* buffer, std::size_t size, void*, fi_addr_t destination,
             void* context) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return send_vector(endpoint, &iov, nullptr, 1, destination, context);
}

ssize_t send_message(fid_ep* endpoint, const fi_msg* message, std::uint64_t flags) noexcept {
  return DatagramEndpoint::of(endpoint)->send({.iov = {message->msg_iov, message->iov_count},
                                               .destination = message->addr,
                                               .data = message->data,
                                               .context = message->context,
                                               .flags = flags});
}

ssize_t send_data(fid_ep* endpoint, const void* buffer, std::size_t size, void*, std::uint64_t data,
                  fi_addr_t destination, void* context) noexcept {
  auto* self = DatagramEndpoint::of(endpoint);
  const iovec iov{const_cast<void*>(buffer), size};
  return self->send({.iov = {&iov, 1}, .destination = destination, .data = data, .context = context,
                     .flags = self->transmit_flags() | FI_REMOTE_CQ_DATA});
}

ssize_t inject(fid_ep* endpoint, const void* buffer, std::size_t size, fi_addr_t destination) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return DatagramEndpoint::of(endpoint)->send({.iov = {&iov, 1}, .destination = destination, .injected = true});
}

ssize_t inject_data(fid_ep* endpoint, const void* buffer, std::size_t size, std::uint64_t data,
                    fi_addr_t destination) noexcept {
  const iovec iov{const_cast<void*>(buffer), size};
  return DatagramEndpoint::of(endpoint)->send({.iov = {&iov, 1}, .destination = destination, .data = data,
                                               .flags = FI_REMOTE_CQ_DATA, .injected = true});
}

}  // namespace

constinit fi_ops_msg datagram_ops = {
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
