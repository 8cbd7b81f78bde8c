// What a front end says over its socket, before rte_vhost believes it. rte_vhost 22.11 checks much, and trusts the front
// end (QEMU, virtio-user) with the rest: messages that nobody here needs are refused, and those that change rings or memory
// find no worker at work on them.
#include <cstring>

#include <rte_vhost.h>

#include "drivers/vhost/vhost_device.hpp"

namespace weft {
namespace {

/// QEMU docs/interop/vhost-user.rst.
enum Request : std::uint32_t {
  kGetFeatures = 1,
  kSetMemoryTable = 5,
  kSetVringSize = 8,
  kSetVringAddress = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringError = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueCount = 17,
  kSetVringEnable = 18,
  kSetMtu = 20,
  kSetStatus = 39,
  kGetStatus = 40,
};

constexpr std::uint32_t kLargestRing = 4096;  // of rte_vhost's memory each entry takes some 50 bytes, and EAL's is small
constexpr std::uint32_t kNeedsReply = 1 << 3;
constexpr std::uint32_t kVringMask = 0xff;

/// The beginning of every message, and of those about one vring.
struct Message {
  std::uint32_t request, flags, bytes;
  std::uint32_t vring;  // of messages with a descriptor, its lowest byte
  std::uint32_t number;
};

bool is_known(std::uint32_t request) {
  return (request >= kGetFeatures && request <= kSetMemoryTable) ||
         (request >= kSetVringSize && request <= kSetVringEnable) || request == kSetMtu || request == kSetStatus ||
         request == kGetStatus;
}

bool names_a_vring(std::uint32_t request) {
  return request >= kSetVringSize && request <= kSetVringEnable && request != kGetProtocolFeatures &&
         request != kSetProtocolFeatures && request != kGetQueueCount;
}

bool has_descriptor(std::uint32_t request) {
  return request == kSetVringKick || request == kSetVringCall || request == kSetVringError;
}

}  // namespace

int VhostDevice::before_message(int vid, void* where) noexcept {
  Message message;
  std::memcpy(&message, where, sizeof message);
  message.flags &= ~kNeedsReply;  // not offered; and what fails is to end the connection
  if (!is_known(message.request)) return RTE_VHOST_MSG_RESULT_ERR;
  if (message.request == kGetQueueCount) {  // rte_vhost would say 128
    message.bytes = sizeof(std::uint64_t);
    message.vring = queues();
    message.number = 0;
    std::memcpy(where, &message, sizeof message);
    return RTE_VHOST_MSG_RESULT_REPLY;
  }
  if (names_a_vring(message.request)) {
    const std::uint32_t vring = has_descriptor(message.request) ? message.vring & kVringMask : message.vring;
    if (vring >= 2 * queues()) return RTE_VHOST_MSG_RESULT_ERR;
    if (message.request == kSetVringSize && (message.number == 0 || message.number > kLargestRing))
      return RTE_VHOST_MSG_RESULT_ERR;
  }
  std::memcpy(where, &message, sizeof message);
  const std::lock_guard lock(mutex_);
  if (vid == running_) close_queues();
  return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

void VhostDevice::after_message(int vid) noexcept {
  const std::lock_guard lock(mutex_);
  if (vid == running_) open_queues();
}

}  // namespace weft
