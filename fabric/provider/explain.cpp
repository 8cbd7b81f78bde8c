#include "fabric/provider/explain.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "fabric/provider/error_text.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {
namespace {

constinit std::atomic<unsigned> said{0};  // a bit for each status

bool worth_saying(rdm::Status status) {
  return status == rdm::Status::kUnreachable || status == rdm::Status::kPeerGone ||
         status == rdm::Status::kDeviceGone || status == rdm::Status::kInternal;
}

}  // namespace

void explain_device_gone(const std::uint8_t (&address)[16]) noexcept {
  explain_once(rdm::Status::kDeviceGone, address, provider_error(rdm::Status::kDeviceGone, 0), nullptr);
}

void explain_once(rdm::Status status, const std::uint8_t (&address)[16], int provider_number, const char* hint) noexcept {
  const unsigned bit = 1u << static_cast<unsigned>(status);
  if (!settings.explain || !worth_saying(status) || (said.fetch_or(bit, std::memory_order_relaxed) & bit) != 0) return;
  char ip[INET_ADDRSTRLEN] = "?";
  inet_ntop(AF_INET, address + 12, ip, sizeof ip);  // IPv6-mapped
  char line[768];
  const int length = std::snprintf(line, sizeof line, "weft (process %d at %s): %s\n", getpid(), ip,
                                   full_text(provider_number, hint, nullptr, 0));
  // One write, so that the lines of many ranks do not mix.
  const std::size_t size = std::min(static_cast<std::size_t>(std::max(length, 0)), sizeof line - 1);
  if (write(STDERR_FILENO, line, size) < 0) return;  // nobody is listening
}

}  // namespace weft::provider
