// weft capture: what instances send and get, with the reason of a drop; to a file, to a pipe, or a line for each packet.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>

#include "instances/holder.hpp"
#include "tools/weft/api_client.hpp"
#include "tools/weft/capture_lines.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"

namespace weft::cli {
namespace {

struct CaptureOptions {
  std::vector<std::string> interfaces;
  std::string file;  // empty: lines
  std::uint64_t count = 0;
  std::uint32_t snap_length = 0;
  double seconds = 0;
  bool drops_only = false;
};

std::atomic<int> g_capture_socket{-1};
std::atomic<bool> g_capture_ends{false};

/// The first signal asks weftd for the end of the file; a second one is the usual end.
void end_capture(int) {
  const int saved = errno;
  g_capture_ends = true;
  if (g_capture_socket >= 0) ::shutdown(g_capture_socket, SHUT_WR);
  errno = saved;
}

void catch_capture_signals() {
  struct sigaction action {};
  action.sa_handler = end_capture;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // tcpdump -c 10 has seen enough
}

/// RFC 3986 2.3, and the slash, which a query may have.
std::string percent_encoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       std::strchr("-._~/", c) != nullptr;
    encoded += plain && c != '\0' ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::string query_of(const CaptureOptions& options) {
  std::string path = "/v1/capture";
  char mark = '?';
  const auto add = [&](const std::string& field) {
    path += mark + field;
    mark = '&';
  };
  for (const std::string& one : options.interfaces) add("interface=" + percent_encoded(one));
  if (options.count != 0) add(fmt::format("count={}", options.count));
  if (options.snap_length != 0) add(fmt::format("snaplen={}", options.snap_length));
  if (options.seconds != 0) add(fmt::format("duration={}", options.seconds));
  if (options.drops_only) add("drops_only=true");
  return path;
}

/// Where the file goes, and what a person sees meanwhile.
class CaptureOutput final : public PcapngReader {
 public:
  CaptureOutput(int fd, bool lines) : fd_(fd), lines_(lines), progress_(!lines && ::isatty(STDERR_FILENO) == 1) {}

  /// False: whoever reads has gone, or it cannot be written.
  bool take(std::span<const std::byte> bytes) {
    if (!lines_ && !write_all(bytes)) return false;
    if (!read(bytes)) return false;
    announce();
    if (lines_ && std::fflush(stdout) != 0) error_ = errno;
    show_progress(false);
    return error_ == 0;
  }
  void end() { show_progress(true); }
  int error() const { return error_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  void packet(const CapturedPacket& packet) override {
    ++packets_;
    if (!packet.comment.empty()) ++dropped_;
    if (lines_ && std::puts(packet_line(packet).c_str()) < 0) error_ = errno;
  }

  bool write_all(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        error_ = errno;
        return false;
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
  }

  /// As tcpdump says that it listens: from now on packets are captured.
  void announce() {
    if (announced_ || interfaces().empty()) return;
    announced_ = true;
    constexpr std::size_t kMostNames = 8;
    std::string names;
    for (std::size_t i = 0; i < std::min(interfaces().size(), kMostNames); ++i)
      names += (i == 0 ? "" : ", ") + printable(interfaces()[i]);
    if (interfaces().size() > kMostNames) names += fmt::format(" and {} more", interfaces().size() - kMostNames);
    std::fprintf(stderr, "capturing %s\n", names.c_str());
  }

  void show_progress(bool last) {
    if (!progress_) return;
    const auto now = std::chrono::steady_clock::now();
    if (!last && now - shown_ < std::chrono::milliseconds(200)) return;
    shown_ = now;
    if (last) std::fputs("\r\033[K", stderr);
    else std::fprintf(stderr, "\r\033[K%s", fmt::format("{} packets, {} dropped", packets_, dropped_).c_str());
  }

  const int fd_;
  const bool lines_, progress_;
  bool announced_ = false;
  std::uint64_t packets_ = 0, dropped_ = 0;
  int error_ = 0;
  std::chrono::steady_clock::time_point shown_;
};

Error cannot_write(const std::string& file, int why) {
  return {"Weft.FileNotWritable", fmt::format("cannot write {}: {}", file, std::strerror(why)), {}};
}

int capture(const CaptureOptions& options) {
  const bool to_stdout = options.file == "-";
  if (to_stdout && ::isatty(STDOUT_FILENO) == 1)
    return report({"InvalidParameterCombination",
                   "-w - writes a file to standard output, which is a terminal; leave -w out to see lines", {}});
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  UniqueFd file;
  catch_capture_signals();
  std::unique_ptr<CaptureOutput> output;
  int unwritable = 0;
  // The file is made once weftd has agreed: a wrong name does not cost the last capture.
  const auto begun = [&](int socket) {
    if (!to_stdout && !options.file.empty())
      file = UniqueFd(::open(options.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!to_stdout && !options.file.empty() && !file) unwritable = errno;
    output = std::make_unique<CaptureOutput>(to_stdout ? STDOUT_FILENO : file.get(), options.file.empty());
    g_capture_socket = socket;
    if (g_capture_ends || unwritable != 0) ::shutdown(socket, SHUT_WR);
  };
  const auto take = [&](std::span<const std::byte> bytes) { return unwritable == 0 && output->take(bytes); };
  const Result<void> streamed = client->stream(query_of(options), begun, take);
  g_capture_socket = -1;
  if (output) output->end();
  if (unwritable != 0) return report(cannot_write(options.file, unwritable));
  if (output && output->error() == EPIPE) return kOk;
  if (output && output->error() != 0)
    return report(cannot_write(options.file.empty() ? "standard output" : options.file, output->error()));
  if (!streamed) return report(streamed.error());
  if (!output->complete())
    return report({"InternalError", "weftd ended the capture before its end; what was written until then is good", {}});
  std::fprintf(stderr, "%s\n", capture_summary(output->totals(), output->dropped()).c_str());
  return kOk;
}

}  // namespace

void add_capture(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("capture", "Packets of instances, with the reason of a drop, for Wireshark");
  auto o = std::make_shared<CaptureOptions>();
  command->add_option("INTERFACE", o->interfaces, "INSTANCE (all its interfaces), INSTANCE/ethN, eni-..., or internet")
      ->required();
  command->add_option("-w,--write", o->file, "Write pcapng to FILE, - is standard output; left out, a line for each")
      ->type_name("FILE");
  command->add_option("-c,--count", o->count, "End after so many packets")->check(CLI::Range(1UL, UINT64_MAX));
  command->add_option("-s,--snaplen", o->snap_length, "Bytes kept of a packet (all)")->check(CLI::Range(1, 262144));
  command->add_option("--duration", o->seconds, "End after so many seconds")->check(CLI::Range(0.001, 1e9));
  command->add_flag("--drops-only", o->drops_only, "Only packets that the fabric dropped");
  command->footer(
      "Ctrl-C ends it; the file is complete.\n"
      "Example: weft capture web db/eth1 -w web.pcapng\n"
      "         weft capture web -w - | tcpdump -r -");
  command->callback([&chosen, o] { chosen.run = [o] { return capture(*o); }; });
}

}  // namespace weft::cli
