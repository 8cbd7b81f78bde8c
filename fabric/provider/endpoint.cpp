#include "fabric/provider/endpoint.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>

#include "fabric/provider/datagram.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {

Endpoint::Endpoint(Domain& parent, const fi_info& info, void* context) : EndpointBase(parent, info, context) {
  msg = &message_ops;
  tagged = &tagged_ops;
  rma = &rma_ops;
  atomic = &atomic_ops;
}

int Endpoint::start(std::unique_ptr<device::QueuePair> opened) {
  rdm::EndpointOptions options;
  options.transmit_queue = transmit_size_;
  options.min_multi_receive = min_multi_receive_;
  options.unexpected_bytes = settings.unexpected_bytes;
  options.receive_buffers = static_cast<std::uint32_t>(settings.packet_buffers);
  options.express = settings.express;
  options.transport = should_yield() ? srd::continuous_integration() : srd::virtual_machine();
  options.direct = use_direct_copies();
  if ((caps_ & (FI_RMA | FI_ATOMIC)) != 0) options.regions = &domain.regions;
  rdm_ = rdm::Endpoint::create(std::move(opened), options, this);
  return rdm_ != nullptr ? 0 : -FI_ENOMEM;
}

unsigned Endpoint::move() {
  const unsigned handled = rdm_->progress();
  return deferred_.empty() ? handled : handled + post_deferred();
}

void Endpoint::set_peer(std::uint32_t peer, const device::Address& address) {
  if (peer < contacted_.size()) contacted_[peer] = false;
  rdm_->set_peer(peer, address);
}

void Endpoint::remove_peer(std::uint32_t peer) { rdm_->remove_peer(peer); }

int Endpoint::get_option(int name, void* value, std::size_t* size) {
  if (name != FI_OPT_MIN_MULTI_RECV) return -FI_ENOPROTOOPT;
  if (*size < sizeof min_multi_receive_) return -FI_ETOOSMALL;
  *size = sizeof min_multi_receive_;
  std::memcpy(value, &min_multi_receive_, sizeof min_multi_receive_);
  return 0;
}

int Endpoint::set_option(int name, const void* value, std::size_t size) {
  if (name != FI_OPT_MIN_MULTI_RECV) return -FI_ENOPROTOOPT;
  if (size != sizeof min_multi_receive_) return -FI_EINVAL;
  std::lock_guard guard(domain.lock);
  std::memcpy(&min_multi_receive_, value, sizeof min_multi_receive_);
  if (rdm_ != nullptr) rdm_->set_min_multi_receive(min_multi_receive_);
  return 0;
}

int open_endpoint(fid_domain* domain, fi_info* info, fid_ep** result, void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  if (info == nullptr || info->ep_attr == nullptr) return -FI_EINVAL;
  EndpointBase* endpoint = nullptr;
  switch (info->ep_attr->type) {
    case FI_EP_RDM: endpoint = new (std::nothrow) Endpoint(*Domain::of(domain), *info, context); break;
    case FI_EP_DGRAM: endpoint = new (std::nothrow) DatagramEndpoint(*Domain::of(domain), *info, context); break;
    default: return -FI_EINVAL;
  }
  if (endpoint == nullptr) return -FI_ENOMEM;
  if (info->src_addr != nullptr) {
    if (int error = endpoint->set_name(info->src_addr, info->src_addrlen); error != 0) {
      delete endpoint;
      return error;
    }
  }
  *result = endpoint;
  return 0;
}

}  // namespace weft::provider
