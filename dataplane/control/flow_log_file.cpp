#include "dataplane/control/flow_log_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "dataplane/observe/flow_log_format.hpp"

namespace weft {
namespace {

/// CreateFlowLogs' words for a bucket that is not there, or not ours to write.
Error destination_error(const std::string& path, int number) {
  const bool forbidden = number == EACCES || number == EPERM || number == EROFS;
  return {forbidden ? "LogDestinationPermissionIssue" : "LogDestinationNotFound",
          fmt::format("cannot write the flow log {}: {}", path, std::strerror(number)),
          {}};
}

struct LogDescriptor {
  int fd = -1;
  ~LogDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

bool write_text(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

}  // namespace

std::string flow_log_path(const FlowLog& log) {
  return fmt::format("{}/{}_vpcflowlogs_{}_{}.log", log.destination, kFlowLogAccount, kFlowLogRegion, log.id);
}

Result<void> FlowLogFile::prepare() const {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), failed);
  if (failed) return destination_error(path_, failed.value());
  return append({});
}

Result<void> FlowLogFile::append(const std::vector<std::string>& lines) const {
  // Whatever may stand there by now: no link is followed, and a pipe without a reader is an error at once.
  LogDescriptor file{::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644)};
  struct stat before{};
  if (file.fd < 0 || ::fstat(file.fd, &before) != 0) return destination_error(path_, errno);
  if (!S_ISREG(before.st_mode)) return destination_error(path_, EISDIR);
  std::string text = before.st_size == 0 ? header_ + '\n' : "";
  for (const std::string& line : lines) text += line + '\n';
  if (write_text(file.fd, text)) return {};
  const int number = errno;
  (void)!::ftruncate(file.fd, before.st_size);
  return destination_error(path_, number);
}

}  // namespace weft
