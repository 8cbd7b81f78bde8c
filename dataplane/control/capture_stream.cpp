#include "dataplane/control/capture_stream.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

namespace weft {
namespace {

constexpr int kPipeBytes = 1 << 20;

std::int64_t unix_now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Result<std::shared_ptr<ApiStream>> CaptureStream::start(Controller& controller, std::uint64_t (*now_ns)(),
                                                        const CaptureRequest& request) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return Error{"InternalError", fmt::format("cannot make a pipe for the capture: {}", std::strerror(errno)), {}};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  ::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);  // or as much as the system lets a user have

  const CaptureSession::Options options{.snap_length = request.snap_length,
                                        .wall_offset_ns = unix_now_ns() - static_cast<std::int64_t>(now_ns())};
  Result<std::shared_ptr<CaptureSession>> session = controller.with_engine(
      [&](Engine& engine) { return engine.start_capture(options, capture_selection(request)); });
  if (!session) {
    ::close(ends[0]);
    ::close(ends[1]);
    return session.error();
  }
  std::shared_ptr<CaptureStream> stream(new CaptureStream(controller, std::move(*session), ends[0], ends[1]));
  CaptureStream* const self = stream.get();
  CaptureWriter::Options writer;
  writer.file = {.drops_only = request.drops_only,
                 .most = request.most,
                 .comment = [self](const CaptureRecord& record, const CaptureInterface& interface) {
                   return self->comments_(record, interface);
                 }};
  writer.duration = request.duration;
  writer.end_capture = [&controller] { controller.with_engine([](Engine& engine) { engine.stop_capture(); }); };
  writer.now_ns = now_ns;
  writer.done = [self] { self->close_write_end(); };
  stream->writer_ = std::make_unique<CaptureWriter>(*stream->session_, ends[1], std::move(writer));
  return std::shared_ptr<ApiStream>(std::move(stream));
}

CaptureStream::~CaptureStream() {
  ::close(read_end_);  // the writer finds nobody there and ends at once
  if (writer_) writer_->stop(0);
  else controller_.with_engine([](Engine& engine) { engine.stop_capture(); });  // no thread could be made
  close_write_end();
}

void CaptureStream::close_write_end() noexcept {
  if (write_end_ >= 0) ::close(write_end_);
  write_end_ = -1;
}

}  // namespace weft
