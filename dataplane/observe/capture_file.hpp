// Writes a capture session to a file descriptor: a file, a pipe or a socket. drain() is one step and needs no thread;
// CaptureWriter is the thread that takes it again and again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/observe/capture_session.hpp"
#include "dataplane/observe/pcapng.hpp"

namespace weft {

/// What a dropped packet's comment says: "dropped: group-ingress: no ingress rule of ...".
std::string drop_comment(DropReason reason);

/// Turns records into blocks. Thread: one.
class CaptureFile {
 public:
  explicit CaptureFile(CaptureSession& session) : session_(session) {}

  /// Appends what has come since, at most about `enough_bytes` of it; false: nothing was there.
  bool drain(PcapngBlocks& blocks, std::size_t enough_bytes = 1U << 20);
  /// The last blocks: what was captured of each interface and what was missed.
  void finish(PcapngBlocks& blocks, std::uint64_t now_ns);

 private:
  void begin(PcapngBlocks& blocks);
  void new_interfaces(PcapngBlocks& blocks);
  std::uint64_t wall(std::uint64_t when_ns) const;

  CaptureSession& session_;
  bool begun_ = false;
  std::uint64_t first_ns_ = 0;
  std::vector<std::uint64_t> received_;  // by interface
};

class CaptureWriter {
 public:
  /// Writes until stop(). The descriptor stays the caller's; it is not made non-blocking, but nobody waits for a reader
  /// that has stopped longer than stop() says.
  CaptureWriter(CaptureSession& session, int fd);
  ~CaptureWriter();
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;

  /// After the taps are disarmed and the workers quiet: writes the rest and the statistics, for at most a second if the
  /// reader does not read. Returns 0 or the errno that ended the file early (EPIPE, ENOSPC, ETIMEDOUT).
  int stop(std::uint64_t now_ns);
  /// The reader has gone or the disk is full: whoever started the capture should stop it.
  bool failed() const noexcept { return error_.load(std::memory_order_relaxed) != 0; }

 private:
  void run();
  bool write_all(std::span<const std::byte> bytes);

  CaptureFile file_;
  const int fd_;
  std::size_t chunk_ = 0;  // what a write may have without waiting after poll() has said that there is room
  std::atomic<int> error_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::uint64_t stop_ns_ = 0;
  std::atomic<bool> hurry_{false};
  std::thread thread_;
};

}  // namespace weft
