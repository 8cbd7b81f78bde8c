#include "fabric/provider/error_text.hpp"

#include <rdma/fi_errno.h>

#include <cstdio>
#include <iterator>

#include "fabric/provider/settings.hpp"

namespace weft::provider {
namespace {

// EFA's provider numbers its own errors from 4096. These are what its users meet when a security group is wrong: a peer
// that never answered, and one that did (facts ec2 6.7).
constexpr int kUnresponsiveReceiver = 4126;
constexpr int kWasResponsive = 4124;
// Ours, above EFA's range.
constexpr int kDeviceGone = 5001;
constexpr int kPeerGone = 5002;
constexpr int kProtocolViolation = 5003;
constexpr int kBadKey = 5004;
constexpr int kBadAddress = 5005;
constexpr int kNoAccess = 5006;
constexpr int kBadAtomic = 5007;

}  // namespace

// In strict mode: libfabric's number for each of EFA's (prov/efa/src/efa_errno.h, facts ec2 6.4).
namespace {

int strict_fabric_error(int provider_error) {
  switch (provider_error) {
    case 1: return FI_ECANCELED;
    case 2: case 3: case 4: case 5: case 7: return FI_EINVAL;
    case 6: case 11: return FI_EMSGSIZE;
    case 8: case 13: case kWasResponsive: case kUnresponsiveReceiver: return FI_ECONNABORTED;
    case 9: case 14: return FI_ENOTCONN;
    case 10: return FI_ENORX;
    case 12: return FI_EREMOTEIO;
    case 15: return FI_EHOSTUNREACH;
    default: return FI_EOTHER;
  }
}

/// EFA's own number for what is ours otherwise; 0: the same in both modes.
int strict_provider_error(rdm::Status status) {
  switch (status) {
    case rdm::Status::kPeerGone: return static_cast<int>(efa::SendStatus::kRemoteBadDestQpn);
    case rdm::Status::kDeviceGone: return static_cast<int>(efa::SendStatus::kFlushed);
    case rdm::Status::kBadKey:
    case rdm::Status::kBadAddress:
    case rdm::Status::kNoAccess: return 7;   // the device does not say which
    case rdm::Status::kInternal: return 12;  // unexpected status
    default: return 0;
  }
}

}  // namespace

int fabric_error(rdm::Status status) noexcept {
  if (settings.strict && status == rdm::Status::kUnreachable) return FI_ECONNABORTED;
  if (const int strict = settings.strict ? strict_provider_error(status) : 0; strict != 0)
    return strict_fabric_error(strict);
  switch (status) {
    case rdm::Status::kOk: return 0;
    case rdm::Status::kCanceled: return FI_ECANCELED;
    case rdm::Status::kTruncated: return FI_ETRUNC;
    case rdm::Status::kNoMessage: return FI_ENOMSG;
    case rdm::Status::kUnreachable: return FI_EHOSTUNREACH;
    case rdm::Status::kPeerGone: return FI_ENOTCONN;
    case rdm::Status::kDeviceGone: return FI_ENETDOWN;
    case rdm::Status::kInternal: return FI_EOTHER;
    case rdm::Status::kBadKey: return FI_ENOKEY;
    case rdm::Status::kBadAddress: return FI_EFAULT;
    case rdm::Status::kNoAccess: return FI_EACCES;
    case rdm::Status::kBadAtomic: return FI_EOPNOTSUPP;
  }
  return FI_EOTHER;
}

int provider_error(rdm::Status status, int device_status) noexcept {
  if (const int strict = settings.strict ? strict_provider_error(status) : 0; strict != 0) return strict;
  switch (status) {
    case rdm::Status::kUnreachable:
      return device_status == static_cast<int>(efa::SendStatus::kLocalUnrespRemote) ? kWasResponsive
                                                                                    : kUnresponsiveReceiver;
    case rdm::Status::kDeviceGone: return kDeviceGone;
    case rdm::Status::kPeerGone: return kPeerGone;
    case rdm::Status::kInternal: return device_status != 0 ? device_status : kProtocolViolation;
    case rdm::Status::kBadKey: return kBadKey;
    case rdm::Status::kBadAddress: return kBadAddress;
    case rdm::Status::kNoAccess: return kNoAccess;
    case rdm::Status::kBadAtomic: return kBadAtomic;
    default: return fabric_error(status);  // libfabric's own words say it
  }
}

const char* error_text(int provider_error) noexcept {
  switch (provider_error) {
    case kUnresponsiveReceiver:
      return "Unresponsive receiver (reachable by EFA device but handshake failed): check that a security group of both "
             "ENIs references itself in and out, and that both are in one VPC and zone";
    case kWasResponsive:
      return "Unresponsive receiver (connection previously established): check that a security group of both ENIs still "
             "references itself in and out";
    case kDeviceGone: return "The EFA function is gone: weftd stopped, or the interface was removed (weft ps)";
    case kPeerGone: return "The peer's endpoint does not exist any more: its process ended or closed it";
    case kBadKey: return "The target has no memory region with this key: never had, or it was closed (fi_mr_key)";
    case kBadAddress:
      return "Outside the target's memory region: addresses are virtual with FI_MR_VIRT_ADDR, otherwise they count from 0";
    case kNoAccess: return "The target's memory region was registered without FI_REMOTE_READ or FI_REMOTE_WRITE for this";
    case kBadAtomic: return "The target does not know this atomic operation on this type";
    case kProtocolViolation: return "The peer sent a packet that is not weft's protocol";
    // EFA's statuses in the words of its provider, which are what its users search for.
    case 1: return "Flushed during queue pair destroy";
    case 2: return "Internal queue pair error (local)";
    case 3: return "Unsupported operation type";
    case 4: return "Invalid address handle (local)";
    case 5: return "Local key (LKEY) invalid or does not match IOVA";
    case 6: return "Message too long";
    case 7: return "Remote key (RKEY) not registered or does not match remote IOVA";
    case 9: return "Bad queue pair (QP) number (QP does not exist or is in error state)";
    case 10: return "Destination resource not ready (no work queue entries posted on receive queue)";
    case 12: return "Unexpected status returned by responder";
    case 13: return "Unresponsive remote (was previously responsive)";
    case 15: return "Unreachable remote (never received a response)";
    default: return fi_strerror(provider_error);
  }
}

namespace {

constexpr const char* kHints[] = {
    nullptr,
    "this ENI's groups do not let it send to the peer's. For EFA only an egress rule counts that names a group of the peer, "
    "for all protocols; 0.0.0.0/0 does not",
    "the peer's groups do not let it receive from this ENI's: they need an ingress rule that names a group of this ENI, for "
    "all protocols",
    "no EFA interface of this VPC has that address: it is stale, or another VPC's",
    "the peer is in another availability zone; EFA stays within one",
    "the peer's process ended or closed its endpoint, or the address is stale",
    "another process has that queue pair number now: the address is that of a process that ended",
};

}  // namespace

const char* hint_text(efa::SendHint hint) noexcept {
  const auto index = static_cast<std::size_t>(hint);
  return index < std::size(kHints) ? kHints[index] : nullptr;
}

const char* full_text(int provider_error, const void* hint, char* text, std::size_t size) noexcept {
  const char* const sentence = error_text(provider_error);
  const char* known = nullptr;
  for (const char* candidate : kHints) {
    if (candidate != nullptr && candidate == hint) known = candidate;
  }
  if (known == nullptr && (text == nullptr || size == 0)) return sentence;
  thread_local char own[512];
  if (text == nullptr || size == 0) text = own, size = sizeof own;
  std::snprintf(text, size, known != nullptr ? "%s. Here: %s" : "%s", sentence, known);
  return text;
}

}  // namespace weft::provider
