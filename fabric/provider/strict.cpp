#include "fabric/provider/strict.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>

#include "fabric/provider/attributes.hpp"
#include "fabric/provider/endpoint.hpp"

namespace weft::provider::strict {
namespace {

constexpr std::uint64_t kDeviceCaps = FI_MSG | FI_RMA | FI_SEND | FI_RECV | FI_READ | FI_REMOTE_READ | FI_WRITE |
                                      FI_REMOTE_WRITE | FI_SOURCE | FI_LOCAL_COMM | FI_REMOTE_COMM;

std::uint64_t caps_of(const efa::FunctionInfo* function) {
  std::uint64_t caps = kDeviceCaps;
  const unsigned lacks = function != nullptr ? function->lacks_rdma : 0u;
  if ((lacks & 1) != 0) caps &= ~(FI_READ | FI_REMOTE_READ);
  if ((lacks & 2) != 0) caps &= ~(FI_WRITE | FI_REMOTE_WRITE);
  if ((lacks & 3) == 3) caps &= ~FI_RMA;
  return caps;
}

std::size_t total(const iovec* iov, std::size_t count) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += iov[i].iov_len;
  return bytes;
}

}  // namespace

void limit(fi_info& offer, const efa::FunctionInfo* function) noexcept {
  const std::uint64_t caps = caps_of(function);
  offer.mode = kMode;
  offer.caps &= caps;
  fi_tx_attr& transmit = *offer.tx_attr;
  transmit.caps &= caps;
  transmit.mode = kMode;
  transmit.msg_order = 0;
  transmit.inject_size = kInline;
  transmit.size = std::min(transmit.size, kTransmitQueue);
  transmit.iov_limit = kSendPieces;
  transmit.rma_iov_limit = kRdmaPieces;
  fi_rx_attr& receive = *offer.rx_attr;
  receive.caps &= caps;
  receive.mode = kMode;
  receive.op_flags &= ~FI_MULTI_RECV;
  receive.msg_order = 0;
  receive.size = std::min(receive.size, kReceiveQueue);
  receive.iov_limit = kReceivePieces;
  fi_ep_attr& endpoint = *offer.ep_attr;
  endpoint.max_msg_size = (caps & FI_RMA) != 0 ? kRdma : kMessage;
  endpoint.max_order_raw_size = endpoint.max_order_war_size = endpoint.max_order_waw_size = 0;
  endpoint.mem_tag_format = 0;
  fi_domain_attr& domain = *offer.domain_attr;
  domain.mr_mode = kMrMode;
  domain.mr_key_size = 4;
  domain.cq_data_size = 4;
  domain.cq_cnt = kQueues;
  domain.mr_iov_limit = 1;
  domain.mr_cnt = kRegions;
}

ssize_t check(const Outgoing& message) noexcept {
  if (message.tagged) return -FI_ENOSYS;
  if (message.count > kSendPieces) return -FI_EINVAL;
  return total(message.iov, message.count) > kMessage ? -FI_EMSGSIZE : 0;
}

ssize_t check(const Incoming& request) noexcept {
  if (request.tagged) return -FI_ENOSYS;
  return request.count > kReceivePieces || (request.flags & FI_MULTI_RECV) != 0 ? -FI_EINVAL : 0;
}

ssize_t check(const rdm::OneSidedRequest& request, std::size_t length, const Domain& domain) noexcept {
  switch (request.kind) {
    case rdm::OneSided::kRead:
      if (!domain.device_reads) return -FI_EOPNOTSUPP;
      break;
    case rdm::OneSided::kWrite:
      if (!domain.device_writes) return -FI_EOPNOTSUPP;
      break;
    default: return -FI_ENOSYS;
  }
  if (request.local.size() > kRdmaPieces || request.remote.size() > kRdmaPieces) return -FI_EINVAL;
  return length > kRdma ? -FI_EMSGSIZE : 0;
}

}  // namespace weft::provider::strict
