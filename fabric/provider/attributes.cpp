#include "fabric/provider/attributes.hpp"

#include <cstdint>

#include "fabric/provider/datagram.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {
namespace {

void fill_transmit(fi_tx_attr& transmit) {
  transmit.caps = kTransmitCaps;
  transmit.op_flags = kTransmitFlags;
  transmit.msg_order = kOrder;
  transmit.comp_order = FI_ORDER_NONE;
  transmit.inject_size = rdm::kInjectSize;
  transmit.size = settings.transmit_size;
  transmit.iov_limit = rdm::kMaxIov;
  transmit.rma_iov_limit = rdm::kMaxIov;
}

void fill_receive(fi_rx_attr& receive) {
  receive.caps = kReceiveCaps;
  receive.op_flags = kReceiveFlags;
  receive.msg_order = kOrder;
  receive.comp_order = FI_ORDER_NONE;
  receive.total_buffered_recv = settings.unexpected_bytes;
  receive.size = settings.receive_size;
  receive.iov_limit = rdm::kMaxIov;
}

void fill_endpoint(fi_ep_attr& endpoint) {
  endpoint.type = FI_EP_RDM;
  endpoint.protocol = kProtocol;
  endpoint.protocol_version = kProtocolVersion;
  endpoint.max_msg_size = SIZE_MAX;
  endpoint.max_order_raw_size = endpoint.max_order_war_size = endpoint.max_order_waw_size = rdm::kMaxAtomic;
  endpoint.mem_tag_format = kTagFormat;
  endpoint.tx_ctx_cnt = 1;
  endpoint.rx_ctx_cnt = 1;
}

void fill_domain(fi_domain_attr& domain) {
  domain.threading = FI_THREAD_SAFE;
  domain.control_progress = FI_PROGRESS_AUTO;
  domain.data_progress = FI_PROGRESS_MANUAL;  // in the application's own calls, unless it asks for more
  domain.resource_mgmt = FI_RM_ENABLED;
  domain.av_type = FI_AV_UNSPEC;  // map or table, as asked
  domain.mr_mode = 0;             // nothing required: any memory may be registered, none needs to be for local use
  domain.mr_key_size = 8;
  domain.cq_data_size = 8;
  domain.cq_cnt = 1024;
  domain.ep_cnt = efa::kMaxQueuePairs;
  domain.tx_ctx_cnt = 1024;
  domain.rx_ctx_cnt = 1024;
  domain.max_ep_tx_ctx = 1;
  domain.max_ep_rx_ctx = 1;
  domain.cntr_cnt = 1024;
  domain.mr_iov_limit = rdm::kMaxIov;
  domain.mr_cnt = 65535;
  domain.caps = kDomainCaps;
}

// What datagram endpoints have less.
void restrict_to_datagrams(fi_info& offer) {
  offer.caps = kDatagramCaps;
  offer.tx_attr->caps = kDatagramTransmitCaps;
  offer.tx_attr->op_flags = kDatagramTransmitFlags;
  offer.tx_attr->rma_iov_limit = 0;
  offer.rx_attr->caps = kDatagramReceiveCaps;
  offer.rx_attr->op_flags = FI_COMPLETION;
  offer.rx_attr->total_buffered_recv = 0;
  offer.tx_attr->msg_order = offer.rx_attr->msg_order = FI_ORDER_NONE;
  fi_ep_attr& endpoint = *offer.ep_attr;
  endpoint.type = FI_EP_DGRAM;
  endpoint.protocol = kDatagramProtocol;
  endpoint.max_msg_size = kMaxDatagram;
  endpoint.max_order_raw_size = endpoint.max_order_war_size = endpoint.max_order_waw_size = 0;
  endpoint.mem_tag_format = 0;
}

}  // namespace

fi_info* make_offer(fi_ep_type type) noexcept {
  fi_info* offer = fi_allocinfo();
  if (offer == nullptr) return nullptr;
  offer->caps = kCaps;
  offer->addr_format = FI_SOCKADDR_IN;
  fill_transmit(*offer->tx_attr);
  fill_receive(*offer->rx_attr);
  fill_endpoint(*offer->ep_attr);
  fill_domain(*offer->domain_attr);
  if (type == FI_EP_DGRAM) restrict_to_datagrams(*offer);
  return offer;
}

}  // namespace weft::provider
