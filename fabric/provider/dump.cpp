#include "fabric/provider/dump.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <unistd.h>

#include "fabric/provider/endpoint_base.hpp"
#include "fabric/provider/names.hpp"
#include "fabric/provider/provider.hpp"

namespace weft::provider {

constinit std::atomic<std::uint32_t> dumps_wanted{0};

namespace {

constexpr char kNoted[] =
    "weft: a dump was asked for; the next call that makes progress writes it. If none follows, the program makes none.\n";

// Async-signal-safe: a lock-free atomic and write(2).
void note(int) {
  const int saved = errno;
  dumps_wanted.fetch_add(1, std::memory_order_relaxed);
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kNoted, sizeof kNoted - 1);
  errno = saved;
}

// 0: that is no signal.
int signal_number(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int number = 1; number < NSIG; ++number) {
    const char* const known = sigabbrev_np(number);
    if (name == std::to_string(number) || (known != nullptr && name == known)) return number;
  }
  return 0;
}

}  // namespace

void watch_dump_signal() noexcept {
  static constinit std::atomic<bool> done{false};
  const char* const name = std::getenv("WEFT_DUMP_SIGNAL");
  if (name == nullptr || *name == '\0' || done.exchange(true)) return;
  const int number = signal_number(name);
  struct sigaction before {};
  if (number == 0 || sigaction(number, nullptr, &before) != 0) {
    WEFT_LOG(WARN, CORE, "WEFT_DUMP_SIGNAL=%s ignored: the name or number of a signal would be right, such as USR2\n", name);
    return;
  }
  if ((before.sa_flags & SA_SIGINFO) != 0 || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)) {
    WEFT_LOG(WARN, CORE, "WEFT_DUMP_SIGNAL=%s ignored: the program handles that signal itself; name another\n", name);
    return;
  }
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(number, &action, nullptr) != 0)
    WEFT_LOG(WARN, CORE, "WEFT_DUMP_SIGNAL=%s ignored: %s\n", name, std::strerror(errno));
}

void write_dump(EndpointBase& endpoint) noexcept {
  try {
    const device::Address address = endpoint.queue_pair().address();
    char own[64];
    print_address(socket_address(address.ip, address.qpn), own, sizeof own);
    std::string text = "weft dump of process " + std::to_string(getpid()) + ": endpoint " + own + " on " +
                       endpoint.domain.eni_id + " of instance " + endpoint.domain.instance + "\n";
    const std::size_t head = text.size();
    endpoint.append_dump(text);
    if (text.size() == head) text += "  waits for nothing\n";
    // One write, so that those of many ranks do not mix.
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  } catch (const std::bad_alloc&) {
    constexpr char kNoMemory[] = "weft: no memory for the dump\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kNoMemory, sizeof kNoMemory - 1);
  }
}

}  // namespace weft::provider
