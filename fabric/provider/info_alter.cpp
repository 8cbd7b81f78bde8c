// The answer half of fi_getinfo. Applications feed the answer back into fi_domain and fi_endpoint, and compare it with
// what they asked (MPICH, getinfo_test): so it echoes the hints wherever they chose something.
#include "fabric/provider/attributes.hpp"
#include "fabric/provider/info.hpp"
#include "fabric/provider/strict.hpp"

namespace weft::provider {
namespace {

// `all`: what the answer as a whole has, the limit; `hinted`: what was asked for here (0: nothing special); `offered`:
// what this attribute can have.
std::uint64_t answer_caps(std::uint64_t all, std::uint64_t hinted, std::uint64_t offered) {
  std::uint64_t caps = ((hinted != 0 ? hinted : all) & offered & kPrimaryCaps) | (offered & kSecondaryCaps);
  if ((caps & (FI_MSG | FI_TAGGED)) != 0 && (caps & kDirectionCaps) == 0) caps |= offered & kDirectionCaps;
  if ((caps & (FI_RMA | FI_ATOMIC)) != 0 && (caps & kRemoteDirectionCaps) == 0) caps |= offered & kRemoteDirectionCaps;
  return caps & all;
}

template <typename Value>
void choose(Value& value, const Value& hinted) {
  if (hinted != Value{}) value = hinted;
}

// Bits of modes that the application can live with are cleared where we do not need them (fi_domain(3)), and we need
// none. Who wants virtual addresses or our keys all the same sets them in the info that it opens the domain with.
int answer_mr_mode(const fi_domain_attr* hints, std::uint32_t version) {
  if (settings.strict) return strict::kMrMode;
  const int hinted = hints != nullptr ? hints->mr_mode : 0;
  if ((hinted & (FI_MR_BASIC | FI_MR_SCALABLE)) != 0) return hinted;
  // Before 1.5 one of the two legacy modes had to come back; requiring nothing is what FI_MR_SCALABLE meant.
  return version < FI_VERSION(1, 5) ? FI_MR_SCALABLE : 0;
}

void answer_domain(fi_domain_attr& domain, const fi_domain_attr* hints, std::uint64_t caps, std::uint32_t version) {
  domain.mr_mode = answer_mr_mode(hints, version);
  domain.caps = answer_caps(caps, hints != nullptr ? hints->caps : 0, domain.caps);
  if (hints == nullptr) return;
  choose(domain.threading, hints->threading);
  choose(domain.control_progress, hints->control_progress);
  choose(domain.data_progress, hints->data_progress);
  choose(domain.resource_mgmt, hints->resource_mgmt);
  choose(domain.av_type, hints->av_type);
}

void answer_transmit(fi_tx_attr& transmit, const fi_tx_attr* hints, std::uint64_t caps) {
  transmit.caps = answer_caps(caps, hints != nullptr ? hints->caps : 0, transmit.caps);
  if (hints == nullptr) return;
  transmit.op_flags = hints->op_flags;  // even when 0: these become the default flags of every operation
  choose(transmit.inject_size, hints->inject_size);
  choose(transmit.size, hints->size);
  choose(transmit.iov_limit, hints->iov_limit);
  choose(transmit.rma_iov_limit, hints->rma_iov_limit);
}

void answer_receive(fi_rx_attr& receive, const fi_rx_attr* hints, std::uint64_t caps) {
  receive.caps = answer_caps(caps, hints != nullptr ? hints->caps : 0, receive.caps);
  if (hints == nullptr) return;
  receive.op_flags = hints->op_flags;
  receive.total_buffered_recv = hints->total_buffered_recv;
  choose(receive.size, hints->size);
  choose(receive.iov_limit, hints->iov_limit);
}

}  // namespace

void answer_hints(fi_info& answer, const fi_info* hints, std::uint32_t version) noexcept {
  if (hints != nullptr) {
    answer.caps = answer_caps(answer.caps, hints->caps, answer.caps);
    answer.handle = hints->handle;
  }
  answer_domain(*answer.domain_attr, hints != nullptr ? hints->domain_attr : nullptr, answer.caps, version);
  answer_transmit(*answer.tx_attr, hints != nullptr ? hints->tx_attr : nullptr, answer.caps);
  answer_receive(*answer.rx_attr, hints != nullptr ? hints->rx_attr : nullptr, answer.caps);
  if (hints == nullptr) {
    // Without hints nobody chose default flags; an application that reuses this answer would otherwise inject
    // everything it sends.
    answer.tx_attr->op_flags = 0;
    answer.rx_attr->op_flags = 0;
  }
}

}  // namespace weft::provider
