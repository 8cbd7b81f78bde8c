#include "fabric/provider/error_text.hpp"

#include <rdma/fi_errno.h>

namespace weft::provider {
namespace {

// EFA's provider numbers its own errors from 4096; this one is what its users meet when a security group is wrong.
constexpr int kUnresponsiveReceiver = 4126;
// Ours, above EFA's range.
constexpr int kDeviceGone = 5001;
constexpr int kPeerGone = 5002;
constexpr int kProtocolViolation = 5003;
constexpr int kBadKey = 5004;
constexpr int kBadAddress = 5005;
constexpr int kNoAccess = 5006;
constexpr int kBadAtomic = 5007;

}  // namespace

int fabric_error(rdm::Status status) noexcept {
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
  switch (status) {
    case rdm::Status::kUnreachable: return kUnresponsiveReceiver;
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
    case kDeviceGone: return "The EFA function is gone: weftd stopped, or the interface was removed (weft ps)";
    case kPeerGone: return "The peer's endpoint does not exist any more: its process ended or closed it";
    case kBadKey: return "The target has no memory region with this key: never had, or it was closed (fi_mr_key)";
    case kBadAddress:
      return "Outside the target's memory region: addresses are virtual with FI_MR_VIRT_ADDR, otherwise they count from 0";
    case kNoAccess: return "The target's memory region was registered without FI_REMOTE_READ or FI_REMOTE_WRITE for this";
    case kBadAtomic: return "The target does not know this atomic operation on this type";
    case kProtocolViolation: return "The peer sent a packet that is not weft's protocol";
    case static_cast<int>(efa::SendStatus::kFlushed): return "Flushed: the queue pair was closed";
    case static_cast<int>(efa::SendStatus::kLocalQpInternalError): return "Internal error of the queue pair";
    case static_cast<int>(efa::SendStatus::kLocalUnsupportedOp): return "Operation not supported by the EFA function";
    case static_cast<int>(efa::SendStatus::kLocalInvalidAh): return "Invalid address handle";
    case static_cast<int>(efa::SendStatus::kLocalInvalidLkey): return "Invalid buffer";
    case static_cast<int>(efa::SendStatus::kLocalBadLength): return "Packet longer than the MTU of the EFA function";
    case static_cast<int>(efa::SendStatus::kRemoteBadDestQpn): return "Bad destination queue pair number";
    case static_cast<int>(efa::SendStatus::kRemoteRnr): return "Receiver not ready";
    case static_cast<int>(efa::SendStatus::kLocalUnreachRemote): return "Remote not reachable";
    default: return fi_strerror(provider_error);
  }
}

}  // namespace weft::provider
