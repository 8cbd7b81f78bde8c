// What the rules of now say about a packet that was dropped: for `weft flows --drops` and the comments of a capture.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "dataplane/control/controller.hpp"
#include "dataplane/observe/capture_session.hpp"
#include "dataplane/observe/drop_reason.hpp"

namespace weft {

/// Drops that follow from the deployment alone, so that the same packet can be judged again.
bool follows_from_deployment(DropReason reason);

/// Comments of a capture's dropped packets: "dropped: group-ingress: tcp 22 from a (10.0.1.4) to b (10.0.1.5) is dropped
/// (group-ingress): no ingress rule ...; the nearest rule is ...". Empty where nothing is known beyond the reason.
/// Many packets of one flow are explained once. Thread: one.
class DropComments {
 public:
  explicit DropComments(const Controller& controller) : controller_(controller) {}
  std::string operator()(const CaptureRecord& record, const CaptureInterface& interface);

 private:
  static constexpr std::size_t kRemembered = 1024;

  const Controller& controller_;
  std::shared_ptr<const Deployment> deployment_;      // what the remembered ones are about
  std::unordered_map<std::string, std::string> known_;
};

}  // namespace weft
