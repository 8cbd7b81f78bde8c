#include "dataplane/control/drop_explanation.hpp"

#include <fmt/format.h>

#include "dataplane/net/frame_summary.hpp"
#include "dataplane/policy/explain.hpp"

namespace weft {
namespace {

PacketTuple tuple_of_frame(const FrameSummary& frame) {
  PacketTuple tuple{frame.source, frame.destination, frame.protocol, frame.source_port, frame.destination_port};
  if (frame.is_icmp()) tuple.destination_port = static_cast<std::uint16_t>(frame.type << 8 | frame.code);
  return tuple;
}

/// The verdict, if the packet would be dropped now for the reason that it was dropped for.
std::string verdict_on(const Deployment& deployment, const FrameSummary& frame, const CaptureRecord& record,
                       const CaptureInterface& interface) {
  const auto reason = static_cast<DropReason>(record.dropped_for);
  const bool sent = record.direction == CaptureDirection::kOut && deployment.find_eni(interface.eni_id) != nullptr;
  const bool efa = reason == DropReason::kEfaGroupEgress || reason == DropReason::kEfaGroupIngress;
  ExplainQuestion question{.packet = tuple_of_frame(frame),
                           .efa = efa,
                           .source_eni = sent ? interface.eni_id : "",
                           .destination_eni = {},
                           .size = record.super_segment ? 0 : frame.ip_bytes,
                           .dont_fragment = frame.dont_fragment};
  const auto asked = [&] {
    const Explanation explanation = explain(deployment, question);
    return explanation.drop_reason == name(reason) ? explanation.verdict : std::string();
  };
  std::string verdict = asked();
  if (!verdict.empty() || record.direction == CaptureDirection::kOut) return verdict;
  // It may have come from the internet, and has been translated since; the question is asked outside.
  const std::optional<IpAddress> outside = public_address_of(deployment, frame.destination);
  if (!outside) return {};
  question.packet.destination = *outside;
  return asked();
}

}  // namespace

bool follows_from_deployment(DropReason reason) {
  switch (reason) {
    case DropReason::kSpoofedIp:
    case DropReason::kNoRoute:
    case DropReason::kNoSuchAddress:
    case DropReason::kGroupEgress:
    case DropReason::kGroupIngress:
    case DropReason::kAclEgress:
    case DropReason::kAclIngress:
    case DropReason::kBlackhole:
    case DropReason::kNoPublicAddress:
    case DropReason::kUnknownPublicAddress:
    case DropReason::kNotForEni:
    case DropReason::kEfaGroupEgress:
    case DropReason::kEfaGroupIngress: return true;
    default: return false;
  }
}

std::string DropComments::operator()(const CaptureRecord& record, const CaptureInterface& interface) {
  const auto reason = static_cast<DropReason>(record.dropped_for);
  if (!follows_from_deployment(reason)) return {};
  const FrameSummary frame = summarise({record.bytes(), record.captured});
  if (frame.kind != FrameSummary::Kind::kIp || !frame.has_l4) return {};
  std::shared_ptr<const Deployment> deployment = controller_.deployment();
  if (!deployment) return {};
  if (deployment != deployment_ || known_.size() >= kRemembered) known_.clear();
  deployment_ = std::move(deployment);

  const std::string key = fmt::format("{} {} {} {} {}", interface.name, record.dropped_for, to_string(frame),
                                      frame.ip_bytes, frame.dont_fragment);
  const auto [found, is_new] = known_.try_emplace(key);
  if (is_new)
    if (const std::string verdict = verdict_on(*deployment_, frame, record, interface); !verdict.empty())
      found->second = fmt::format("dropped: {}: {}", name(reason), verdict);
  return found->second;
}

}  // namespace weft
