// A capture as the body of an answer: a session of the engine, the thread that turns it into pcapng, and the pipe between
// that and the server. A reader that is slow, or gone, holds up that thread and nobody else.
#pragma once

#include <memory>

#include "dataplane/control/api_routes.hpp"
#include "dataplane/control/capture_request.hpp"
#include "dataplane/control/controller.hpp"
#include "dataplane/control/drop_explanation.hpp"
#include "dataplane/observe/capture_file.hpp"

namespace weft {

class CaptureStream final : public ApiStream {
 public:
  /// `now_ns` is the engine's clock. Refused while another capture is under way.
  static Result<std::shared_ptr<ApiStream>> start(Controller& controller, std::uint64_t (*now_ns)(),
                                                  const CaptureRequest& request);
  /// Ends the capture, whatever is left.
  ~CaptureStream() override;

  std::string content_type() const override { return "application/x-pcapng"; }
  int fd() const override { return read_end_; }
  void request_end() noexcept override { writer_->request_stop(); }

 private:
  CaptureStream(Controller& controller, std::shared_ptr<CaptureSession> session, int read_end, int write_end)
      : controller_(controller), session_(std::move(session)), comments_(controller), read_end_(read_end), write_end_(write_end) {}
  void close_write_end() noexcept;

  Controller& controller_;
  std::shared_ptr<CaptureSession> session_;
  DropComments comments_;
  int read_end_, write_end_;
  std::unique_ptr<CaptureWriter> writer_;
};

}  // namespace weft
