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
  }
  return FI_EOTHER;
}

int provider_error(rdm::Status status, int device_status) noexcept {
  switch (status) {
    case rdm::Status::kUnreachable: return kUnresponsiveReceiver;
    case rdm::Status::kDeviceGone: return kDeviceGone;
    case rdm::Status::kPeerGone: return kPeerGone;
    case rdm::Status::kInternal: return device_status != 0 ? device_status : kProtocolViolation;
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
