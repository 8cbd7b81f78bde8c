// The question of GET /v1/capture: who, how much of a packet, and until when.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/worker/engine.hpp"

namespace weft {

struct CaptureRequest {
  std::vector<std::string> interfaces;  // "web": all of the instance's; "web/eth1"; "eni-..."; "internet"
  std::uint32_t snap_length = 262144;   // as tcpdump has it: more than a packet can have
  std::uint64_t most = UINT64_MAX;
  std::chrono::nanoseconds duration = std::chrono::nanoseconds::max();
  bool drops_only = false;
};

/// "/v1/capture?interface=web&interface=db/eth0&snaplen=96&count=10&duration=2.5&drops_only=true". Each interface has to
/// be there now: a wrong name would capture nothing, quietly.
Result<CaptureRequest> read_capture_request(const std::string& target, const Deployment& deployment);

/// By names, so that a capture of an instance follows what is attached to it.
CaptureSelection capture_selection(const CaptureRequest& request);

}  // namespace weft
