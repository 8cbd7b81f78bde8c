// Writes a capture session to a file descriptor: a file, a pipe or a socket. drain() is one step and needs no thread;
// CaptureWriter is the thread that takes it again and again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/observe/capture_session.hpp"
#include "dataplane/observe/pcapng.hpp"

namespace weft {

/// What a dropped packet's comment says: "dropped: group-ingress: no ingress rule of ...".
std::string drop_comment(DropReason reason);

struct CaptureFileOptions {
  bool drops_only = false;
  std::uint64_t most = UINT64_MAX;  // packets in the file
  /// The comment of a dropped packet, for who knows more than the reason. Thread: the writer's.
  std::function<std::string(const CaptureRecord&, const CaptureInterface&)> comment = {};
};

/// Turns records into blocks. Thread: one.
class CaptureFile {
 public:
  explicit CaptureFile(CaptureSession& session, CaptureFileOptions options = {})
      : session_(session), file_(std::move(options)) {}

  /// Appends what has come since, at most about `enough_bytes` of it; false: nothing was there.
  bool drain(PcapngBlocks& blocks, std::size_t enough_bytes = 1U << 20);
  /// The file has as many packets as it may have.
  bool full() const noexcept { return written_ >= file_.most; }
  /// The last blocks: what was captured of each interface and what was missed.
  void finish(PcapngBlocks& blocks, std::uint64_t now_ns);

 private:
  struct Interface {
    CaptureInterface description;
    std::uint64_t received = 0, written = 0;
  };
  void begin(PcapngBlocks& blocks);
  void new_interfaces(PcapngBlocks& blocks);
  void packet(PcapngBlocks& blocks, const CaptureRecord& record);
  std::uint64_t wall(std::uint64_t when_ns) const;

  CaptureSession& session_;
  const CaptureFileOptions file_;
  bool begun_ = false;
  std::uint64_t first_ns_ = 0;
  std::uint64_t written_ = 0;
  std::vector<Interface> interfaces_;
  std::vector<std::byte> finished_;  // a packet whose checksum is completed
};

class CaptureWriter {
 public:
  struct Options {
    CaptureFileOptions file = {};
    std::chrono::nanoseconds duration = std::chrono::nanoseconds::max();
    /// Disarms the taps and waits until the workers are quiet. Called once, before the last records are taken.
    std::function<void()> end_capture = {};
    std::function<std::uint64_t()> now_ns = {};  // the workers' clock, for the end; without it stop() says the time
    std::function<void()> done = {};             // the last byte was written, or nothing more can be
  };

  /// Writes until stop(), until the file is full, the time is over or the reader has gone. The descriptor stays the
  /// caller's; it is not made non-blocking, but nobody waits for a reader that has stopped longer than stop() says.
  CaptureWriter(CaptureSession& session, int fd) : CaptureWriter(session, fd, Options{}) {}
  CaptureWriter(CaptureSession& session, int fd, Options options);
  ~CaptureWriter();
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;

  /// Asks for the end and does not wait for it. Thread: any.
  void request_stop() noexcept;
  /// Without `end_capture`: after the taps are disarmed and the workers quiet. Writes the rest and the statistics, for
  /// at most a second if the reader does not read. Returns 0 or the errno that ended the file early (EPIPE, ENOSPC,
  /// ETIMEDOUT).
  int stop(std::uint64_t now_ns);
  /// The reader has gone or the disk is full: whoever started the capture should stop it.
  bool failed() const noexcept { return error_.load(std::memory_order_relaxed) != 0; }

 private:
  void run();
  bool is_over();
  void pause();
  bool write_some();
  bool write_all(std::span<const std::byte> bytes);

  const Options options_;
  CaptureFile file_;
  const int fd_;
  std::size_t chunk_ = 0;  // what a write may have without waiting after poll() has said that there is room
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  PcapngBlocks blocks_;
  std::atomic<int> error_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> stop_ns_{0};
  std::atomic<bool> hurry_{false};
  std::thread thread_;
};

}  // namespace weft
