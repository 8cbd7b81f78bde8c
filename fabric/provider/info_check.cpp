// The check half of fi_getinfo: does the offer satisfy these hints? Every refusal says why in the log at level info,
// so that FI_LOG_LEVEL=info explains an empty fi_info.
#include <cstring>
#include <strings.h>

#include "fabric/provider/attributes.hpp"
#include "fabric/provider/info.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/strict.hpp"

namespace weft::provider {
namespace {

constexpr std::uint32_t kApiWithMrModeBits = FI_VERSION(1, 5);
// FI_PROGRESS_CONTROL_UNIFIED of libfabric 2, a promise of the application that takes nothing from us.
constexpr unsigned kControlUnified = 3;

bool refuse(const char* what) {
  WEFT_LOG(INFO, CORE, "hints not met: %s\n", what);
  return false;
}

/// The program's word, whatever it is: a value outside of an enumeration must not be read as one.
template <typename Enum>
unsigned number(const Enum& field) {
  static_assert(sizeof(Enum) == sizeof(unsigned));
  unsigned value;
  std::memcpy(&value, &field, sizeof value);
  return value;
}

// libfabric ranks these enumerations by how much the provider takes upon itself; hints may ask for as much or less.
int rank(unsigned threading) {
  switch (threading) {
    case FI_THREAD_SAFE: return 1;
    case FI_THREAD_FID: return 2;
    case FI_THREAD_ENDPOINT: return 3;
    case FI_THREAD_COMPLETION: return 4;
    case FI_THREAD_DOMAIN: return 5;
    case FI_THREAD_UNSPEC: return 6;
  }
  return -1;
}

bool name_matches(const char* wanted, const char* offered) {
  return wanted == nullptr || (offered != nullptr && strcasecmp(wanted, offered) == 0);
}

bool check_fabric(const fi_fabric_attr& offer, const fi_fabric_attr& hints) {
  if (!name_matches(hints.name, offer.name)) return refuse("fabric_attr.name");
  if (hints.prov_version > weft_provider.version) return refuse("fabric_attr.prov_version");
  return true;
}

// We require no registration mode, and accept both legacy modes.
bool check_mr_mode(const fi_domain_attr& hints, std::uint32_t version) {
  const int mode = hints.mr_mode;
  if (settings.strict)
    return (version >= kApiWithMrModeBits && (mode & strict::kMrMode) == strict::kMrMode) ||
           refuse("domain_attr.mr_mode: EFA needs FI_MR_LOCAL, FI_MR_VIRT_ADDR, FI_MR_ALLOCATED and FI_MR_PROV_KEY (WEFT_EFA_STRICT)");
  const bool legacy = mode == FI_MR_BASIC || mode == FI_MR_SCALABLE;
  if (version < kApiWithMrModeBits) return mode == FI_MR_UNSPEC || legacy || refuse("domain_attr.mr_mode");
  if ((mode & (FI_MR_BASIC | FI_MR_SCALABLE)) != 0) return legacy || refuse("domain_attr.mr_mode mixes old and new");
  return true;
}

bool check_domain(const fi_domain_attr& offer, const fi_domain_attr& hints, std::uint32_t version) {
  if (!name_matches(hints.name, offer.name)) return refuse("domain_attr.name");
  if (rank(number(hints.threading)) < 0) return refuse("domain_attr.threading");
  if (number(hints.control_progress) > kControlUnified) return refuse("domain_attr.control_progress");
  if (number(hints.data_progress) > kControlUnified) return refuse("domain_attr.data_progress");
  if (number(hints.resource_mgmt) > FI_RM_ENABLED) return refuse("domain_attr.resource_mgmt");
  if (number(hints.av_type) > FI_AV_TABLE) return refuse("domain_attr.av_type");
  if (hints.cq_data_size > offer.cq_data_size) return refuse("domain_attr.cq_data_size");
  if (!check_mr_mode(hints, version)) return false;
  if (version < kApiWithMrModeBits) return true;  // the fields below came with 1.5
  if (hints.cntr_cnt > offer.cntr_cnt) return refuse("domain_attr.cntr_cnt");
  if (hints.mr_iov_limit > offer.mr_iov_limit) return refuse("domain_attr.mr_iov_limit");
  if ((hints.caps & ~offer.caps) != 0) return refuse("domain_attr.caps");
  if (hints.max_err_data > offer.max_err_data) return refuse("domain_attr.max_err_data");
  if (hints.mr_cnt > offer.mr_cnt) return refuse("domain_attr.mr_cnt");
  return true;
}

// FI_SHARED_CONTEXT is SIZE_MAX, so the comparison refuses it as well: there are no shared contexts.
bool check_endpoint(const fi_ep_attr& offer, const fi_ep_attr& hints) {
  if (hints.type != FI_EP_UNSPEC && hints.type != offer.type) return refuse("ep_attr.type (weft has FI_EP_RDM and FI_EP_DGRAM, an fi_info each)");
  if (hints.protocol != FI_PROTO_UNSPEC && hints.protocol != offer.protocol) return refuse("ep_attr.protocol");
  if (hints.protocol_version > offer.protocol_version) return refuse("ep_attr.protocol_version");
  if (hints.max_msg_size > offer.max_msg_size) return refuse("ep_attr.max_msg_size");
  if (hints.max_order_raw_size > offer.max_order_raw_size || hints.max_order_war_size > offer.max_order_war_size ||
      hints.max_order_waw_size > offer.max_order_waw_size)
    return refuse("ep_attr.max_order_*_size: only atomics have an order");
  if (hints.tx_ctx_cnt > offer.tx_ctx_cnt) return refuse("ep_attr.tx_ctx_cnt");
  if (hints.rx_ctx_cnt > offer.rx_ctx_cnt) return refuse("ep_attr.rx_ctx_cnt");
  if (hints.auth_key_size != 0) return refuse("ep_attr.auth_key_size: weft has no authorisation keys");
  return true;  // mem_tag_format: all 64 bits are free, whatever the format
}

bool check_transmit(const fi_tx_attr& offer, const fi_tx_attr& hints) {
  // Receive capabilities that applications put here by mistake are ignored, as libfabric's own providers do.
  if ((hints.caps & ~(kReceiveCaps | kDomainCaps) & ~offer.caps) != 0) return refuse("tx_attr.caps");
  if ((hints.op_flags & ~offer.op_flags) != 0) return refuse("tx_attr.op_flags");
  if ((hints.msg_order & ~offer.msg_order) != 0) return refuse("tx_attr.msg_order (RDM keeps FI_ORDER_SAS and the order of atomics, DGRAM none)");
  if ((hints.comp_order & ~offer.comp_order) != 0) return refuse("tx_attr.comp_order");
  if (hints.inject_size > offer.inject_size) return refuse("tx_attr.inject_size");
  if (hints.size > (settings.strict ? strict::kTransmitQueue : kLargestQueue)) return refuse("tx_attr.size");
  if (hints.iov_limit > offer.iov_limit) return refuse("tx_attr.iov_limit");
  if (hints.rma_iov_limit > offer.rma_iov_limit) return refuse("tx_attr.rma_iov_limit (RDM has 4, DGRAM none)");
  return true;
}

bool check_receive(const fi_rx_attr& offer, const fi_rx_attr& hints) {
  if ((hints.caps & ~(kTransmitCaps | kDomainCaps) & ~offer.caps) != 0) return refuse("rx_attr.caps");
  if ((hints.op_flags & ~offer.op_flags) != 0) return refuse("rx_attr.op_flags");
  if ((hints.msg_order & ~offer.msg_order) != 0) return refuse("rx_attr.msg_order (RDM keeps FI_ORDER_SAS and the order of atomics, DGRAM none)");
  if ((hints.comp_order & ~offer.comp_order) != 0) return refuse("rx_attr.comp_order");
  if (hints.total_buffered_recv > offer.total_buffered_recv) return refuse("rx_attr.total_buffered_recv");
  if (hints.size > (settings.strict ? strict::kReceiveQueue : kLargestQueue)) return refuse("rx_attr.size");
  if (hints.iov_limit > offer.iov_limit) return refuse("rx_attr.iov_limit");
  return true;
}

bool satisfies(const fi_info& offer, const fi_info& hints, std::uint32_t version) {
  if ((hints.caps & ~offer.caps) != 0) return refuse(settings.strict ? "caps (WEFT_EFA_STRICT)" : "caps");
  if ((offer.mode & ~hints.mode) != 0) return refuse("mode: EFA needs FI_CONTEXT2 (WEFT_EFA_STRICT)");
  if (hints.addr_format != FI_FORMAT_UNSPEC && hints.addr_format != FI_SOCKADDR && hints.addr_format != FI_SOCKADDR_IN)
    return refuse("addr_format: weft has FI_SOCKADDR_IN");
  return (hints.ep_attr == nullptr || check_endpoint(*offer.ep_attr, *hints.ep_attr)) &&
         (hints.fabric_attr == nullptr || check_fabric(*offer.fabric_attr, *hints.fabric_attr)) &&
         (hints.domain_attr == nullptr || check_domain(*offer.domain_attr, *hints.domain_attr, version)) &&
         (hints.tx_attr == nullptr || check_transmit(*offer.tx_attr, *hints.tx_attr)) &&
         (hints.rx_attr == nullptr || check_receive(*offer.rx_attr, *hints.rx_attr));
}

}  // namespace

int check_hints(const fi_info& offer, const fi_info& hints, std::uint32_t version) noexcept {
  return satisfies(offer, hints, version) ? 0 : -FI_ENODATA;
}

}  // namespace weft::provider
