// Who is captured: the selection's answer for each deployment, as slots.
#include "dataplane/worker/engine_impl.hpp"

namespace weft {

Result<std::shared_ptr<CaptureSession>> EngineImpl::start_capture(CaptureSession::Options options,
                                                                  CaptureSelection selection) {
  if (capture_.session)
    return Error{"IncorrectState", "a capture is under way; end it first: there is one at a time", {}};
  options.workers = static_cast<unsigned>(workers_.size());
  try {
    capture_.session = std::make_shared<CaptureSession>(options);
  } catch (const std::bad_alloc&) {
    return Error{"InsufficientMemory", "no memory for the buffers of a capture", {}};
  }
  capture_.selection = std::move(selection);
  capture_more(*deployment_);
  capture_less();
  for (const auto& worker : workers_) {
    worker->capture_tap().arm(*capture_.session);
    worker->wake_set().wake();  // express channels would go on without it
  }
  return capture_.session;
}

void EngineImpl::stop_capture() {
  if (!capture_.session) return;
  for (const auto& worker : workers_) worker->capture_tap().disarm();
  publication_.wait();
  // A worker that was in the middle of a turn has not shown its last records, and does not touch the rings any more.
  for (unsigned worker = 0; worker < workers_.size(); ++worker) capture_.session->ring(worker).publish();
  capture_ = {};
}

void EngineImpl::capture_more(const Deployment& deployment) {
  if (!capture_.session) return;
  capture_.wanted.clear();
  for (CaptureInterface& interface : capture_.selection(deployment)) {
    const std::optional<EniSlot> slot = slots_.find(interface.eni_id);
    if (!slot) continue;
    capture_.wanted[*slot] = interface.name;
    std::string& name = capture_.captured[*slot];
    if (name == interface.name) continue;
    name = interface.name;  // new, or attached to another instance: another interface of the file
    capture_.session->add(*slot, std::move(interface));
  }
}

void EngineImpl::capture_less() {
  if (!capture_.session) return;
  std::erase_if(capture_.captured, [&](const auto& one) {
    if (capture_.wanted.contains(one.first)) return false;
    capture_.session->remove(one.first);
    return true;
  });
}

}  // namespace weft
