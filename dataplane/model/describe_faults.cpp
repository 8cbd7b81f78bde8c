// Faults in the words of the topology file.
#include <fmt/format.h>

#include "dataplane/model/faults.hpp"
#include "dataplane/model/quantity.hpp"

namespace weft {
namespace {

std::string describe_loss(const underlay::Loss& loss) {
  switch (loss.kind) {
    case underlay::Loss::Kind::kNone: return "";
    case underlay::Loss::Kind::kBernoulli: return share_text(loss.loss);
    case underlay::Loss::Kind::kNth: return fmt::format("every {}", loss.nth);
    case underlay::Loss::Kind::kGilbertElliott:
      return fmt::format("to_bad {} to_good {} loss {}", share_text(loss.to_bad), share_text(loss.to_good),
                         share_text(loss.loss));
  }
  return "";
}

}  // namespace

std::string describe(const underlay::Impairment& impairment) {
  std::string text;
  const auto add = [&](const char* key, const std::string& value) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, value);
  };
  const underlay::Impairment& i = impairment;
  if (i.rate_bps != 0) add("rate", rate_text(i.rate_bps));
  if (i.latency_ns != 0) add("latency", duration_text(i.latency_ns));
  if (i.jitter_ns != 0) add("jitter", duration_text(i.jitter_ns));
  if (i.queue_bytes != 0) add("queue", size_text(i.queue_bytes));
  if (i.ecn_bytes != 0) add("ecn", size_text(i.ecn_bytes));
  if (i.loss != underlay::Loss{}) add("loss", describe_loss(i.loss));
  if (i.duplicate != 0) add("duplicate", share_text(i.duplicate));
  if (i.reorder != 0) add("reorder", fmt::format("{} by {}", share_text(i.reorder), duration_text(i.reorder_ns)));
  if (i.corrupt != 0) add("corrupt", share_text(i.corrupt));
  if (i.down) add("down", "true");
  if (i.flap != underlay::Flap{})
    add("flap", fmt::format("{} of {}", duration_text(i.flap.down_ns), duration_text(i.flap.period_ns)));
  return text.empty() ? "nothing" : text;
}

std::string describe_place(const underlay::Fault& fault) {
  if (!fault.host.empty()) return fmt::format("the link of {}'s host", fault.host);
  std::string text = fault.path ? fmt::format("path {}", *fault.path) : "every path";
  if (!fault.from.empty()) text += " from " + fault.from;
  if (!fault.to.empty()) text += " to " + fault.to;
  return text;
}

}  // namespace weft
