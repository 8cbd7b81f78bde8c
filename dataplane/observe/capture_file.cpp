#include "dataplane/observe/capture_file.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>

#include "dataplane/observe/capture_finish.hpp"

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
  for (CaptureInterface& interface : session_.interfaces_from(interfaces_.size() + 1)) {
    blocks.interface_description(interface.name, interface.description, interface.mac, session_.options().snap_length);
    interfaces_.push_back({.description = std::move(interface)});
  }
}

void CaptureFile::packet(PcapngBlocks& blocks, const CaptureRecord& record) {
  Interface& interface = interfaces_[record.interface - 1U];
  ++interface.received;
  const bool dropped = record.dropped_for != CaptureRecord::kNotDropped;
  if (full() || (file_.drops_only && !dropped)) return;

  std::span<const std::byte> bytes{record.bytes(), record.captured};
  if (record.sum_from != 0) {
    finished_.assign(bytes.begin(), bytes.end());
    finish_checksum(record, finished_);
    bytes = finished_;
  }
  std::string comment;
  if (dropped && file_.comment) comment = file_.comment(record, interface.description);
  if (dropped && comment.empty()) comment = drop_comment(static_cast<DropReason>(record.dropped_for));
  blocks.packet({.interface = record.interface - 1U,
                 .when_ns = wall(record.when_ns),
                 .original = record.original,
                 .outbound = record.direction == CaptureDirection::kOut,
                 .bytes = bytes,
                 .comment = comment});
  if (first_ns_ == 0) first_ns_ = wall(record.when_ns);
  ++interface.written;
  ++written_;
}

bool CaptureFile::drain(PcapngBlocks& blocks, std::size_t enough_bytes) {
  begin(blocks);
  new_interfaces(blocks);  // at once, so that a reader knows them before the first packet
  CaptureRing* ring = nullptr;
  bool any = false;
  while (blocks.bytes().size() < enough_bytes) {
    const CaptureRecord* const record = session_.front(ring);
    if (record == nullptr) break;
    if (record->interface > interfaces_.size()) new_interfaces(blocks);
    packet(blocks, *record);
    ring->pop();
    any = true;
  }
  return any;
}

void CaptureFile::finish(PcapngBlocks& blocks, std::uint64_t now_ns) {
  begin(blocks);
  new_interfaces(blocks);
  const std::uint64_t end_ns = wall(now_ns);
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    const std::uint64_t missed = session_.missed_of(i + 1);
    blocks.interface_statistics(static_cast<std::uint32_t>(i), {.start_ns = first_ns_ == 0 ? end_ns : first_ns_,
                                                                .end_ns = end_ns,
                                                                .received = interfaces_[i].received + missed,
                                                                .missed = missed,
                                                                .written = interfaces_[i].written});
  }
}

CaptureWriter::CaptureWriter(CaptureSession& session, int fd, Options options)
    : options_(std::move(options)), file_(session, options_.file), fd_(fd) {
  struct stat status = {};
  const bool file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  chunk_ = file ? kFileChunk : PIPE_BUF;
  thread_ = std::thread([this] { run(); });
}

CaptureWriter::~CaptureWriter() { stop(0); }

void CaptureWriter::request_stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

int CaptureWriter::stop(std::uint64_t now_ns) {
  if (thread_.joinable()) {
    stop_ns_.store(now_ns);
    hurry_.store(true);
    request_stop();
    thread_.join();
  }
  return error_.load();
}

bool CaptureWriter::is_over() {
  const std::lock_guard lock(mutex_);
  return stopping_ || failed() || file_.full() || std::chrono::steady_clock::now() - begun_ >= options_.duration;
}

void CaptureWriter::pause() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, kInterval, [&] { return stopping_; });
}

/// False: there was nothing to write, or it cannot be written.
bool CaptureWriter::write_some() {
  const bool any = file_.drain(blocks_);
  const bool written = write_all(blocks_.bytes());
  blocks_.clear();
  return any && written;
}

void CaptureWriter::run() {
  sigset_t signals;  // a reader that has gone is an error of write(), not the end of the daemon
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  while (!is_over())
    if (!write_some()) pause();
  if (options_.end_capture) options_.end_capture();
  while (!failed() && write_some()) {
  }
  if (!failed()) {
    file_.finish(blocks_, options_.now_ns ? options_.now_ns() : stop_ns_.load());
    write_all(blocks_.bytes());
  }
  if (options_.done) options_.done();
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
