#include "dataplane/observe/capture_file.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>

namespace weft {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(10);
constexpr int kPollMs = 100;
constexpr int kPollsWhenStopping = 10;
constexpr std::size_t kFileChunk = 1U << 20;

}  // namespace

std::string drop_comment(DropReason reason) {
  return "dropped: " + std::string(name(reason)) + ": " + std::string(sentence(reason));
}

std::uint64_t CaptureFile::wall(std::uint64_t when_ns) const {
  return when_ns + static_cast<std::uint64_t>(session_.options().wall_offset_ns);
}

void CaptureFile::begin(PcapngBlocks& blocks) {
  if (begun_) return;
  begun_ = true;
  blocks.section_header("weft");
}

void CaptureFile::new_interfaces(PcapngBlocks& blocks) {
  for (const CaptureInterface& interface : session_.interfaces_from(received_.size() + 1)) {
    blocks.interface_description(interface.name, interface.description, interface.mac, session_.options().snap_length);
    received_.push_back(0);
  }
}

bool CaptureFile::drain(PcapngBlocks& blocks, std::size_t enough_bytes) {
  begin(blocks);
  new_interfaces(blocks);  // at once, so that a reader knows them before the first packet
  CaptureRing* ring = nullptr;
  bool any = false;
  while (blocks.bytes().size() < enough_bytes) {
    const CaptureRecord* const record = session_.front(ring);
    if (record == nullptr) break;
    if (record->interface > received_.size()) new_interfaces(blocks);
    const bool dropped = record->dropped_for != CaptureRecord::kNotDropped;
    const std::string comment = dropped ? drop_comment(static_cast<DropReason>(record->dropped_for)) : std::string();
    blocks.packet({.interface = record->interface - 1U,
                   .when_ns = wall(record->when_ns),
                   .original = record->original,
                   .outbound = record->direction == CaptureDirection::kOut,
                   .bytes = {record->bytes(), record->captured},
                   .comment = comment});
    if (first_ns_ == 0) first_ns_ = wall(record->when_ns);
    ++received_[record->interface - 1U];
    ring->pop();
    any = true;
  }
  return any;
}

// What was missed is not known by interface: the rings are the workers'. Each interface's block says the same number.
void CaptureFile::finish(PcapngBlocks& blocks, std::uint64_t now_ns) {
  begin(blocks);
  new_interfaces(blocks);
  const std::uint64_t end_ns = wall(now_ns);
  for (std::size_t i = 0; i < received_.size(); ++i)
    blocks.interface_statistics(static_cast<std::uint32_t>(i), first_ns_ == 0 ? end_ns : first_ns_, end_ns,
                                received_[i] + session_.missed(), session_.missed());
}

CaptureWriter::CaptureWriter(CaptureSession& session, int fd) : file_(session), fd_(fd) {
  struct stat status = {};
  const bool file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  chunk_ = file ? kFileChunk : PIPE_BUF;
  thread_ = std::thread([this] { run(); });
}

CaptureWriter::~CaptureWriter() { stop(0); }

int CaptureWriter::stop(std::uint64_t now_ns) {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      stop_ns_ = now_ns;
    }
    hurry_.store(true);
    wake_.notify_one();
    thread_.join();
  }
  return error_.load();
}

void CaptureWriter::run() {
  sigset_t signals;  // a reader that has gone is an error of write(), not the end of the daemon
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  PcapngBlocks blocks;
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kInterval, [&] { return stopping_; });
      last = stopping_;
    }
    bool more = true;
    while (more && error_.load() == 0) {
      more = file_.drain(blocks);
      if (!write_all(blocks.bytes())) break;
      blocks.clear();
    }
    if (!last || error_.load() != 0) continue;
    file_.finish(blocks, stop_ns_);
    write_all(blocks.bytes());
  }
}

bool CaptureWriter::write_all(std::span<const std::byte> bytes) {
  int patience = kPollsWhenStopping;
  while (!bytes.empty()) {
    pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
    const int count = ::poll(&ready, 1, kPollMs);
    if (count == 0) {
      if (!hurry_.load() || --patience > 0) continue;
      error_.store(ETIMEDOUT);
      return false;
    }
    const ssize_t written = count < 0 ? -1 : ::write(fd_, bytes.data(), std::min(bytes.size(), chunk_));
    if (written < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      error_.store(errno);
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace weft
