#include "dataplane/model/vf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "dataplane/model/describe.hpp"
#include "dataplane/model/quantity.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::array<std::string_view, 3> kLinkNames = {"auto", "enable", "disable"};  // as VfLink
constexpr std::uint64_t kMega = 1'000'000;

std::vector<Eni*> meant_by(Deployment& deployment, const std::string& reference) {
  std::vector<Eni*> meant;
  const auto add_if = [&](Eni& eni) {
    if (eni.id == reference || label(eni) == reference || eni.name == reference) meant.push_back(&eni);
  };
  for (Instance& instance : deployment.instances)
    for (Eni& eni : instance.enis) add_if(eni);
  for (Eni& eni : deployment.available_enis) add_if(eni);
  if (!meant.empty()) return meant;
  for (Instance& instance : deployment.instances)
    if (instance.name == reference || instance.id == reference)
      for (Eni& eni : instance.enis) meant.push_back(&eni);
  return meant;
}

Result<Eni*> find_one(Deployment& deployment, const std::string& reference) {
  const std::vector<Eni*> meant = meant_by(deployment, reference);
  if (meant.empty()) {
    std::vector<std::string> names;
    for (const Instance& instance : deployment.instances)
      for (const Eni& eni : instance.enis) names.push_back(label(eni));
    return Error{"InvalidNetworkInterfaceID.NotFound",
                 fmt::format("The networkInterface ID {} does not exist{}", in_quotes(reference), hint(reference, names)),
                 {"", 0, "interface"}};
  }
  if (meant.size() > 1)
    return Error{"InvalidParameterValue",
                 fmt::format("{} has {} interfaces; say which, such as {}", in_quotes(reference), meant.size(),
                             label(*meant.front())),
                 {"", 0, "interface"}};
  if (meant.front()->instance.empty())
    return Error{"IncorrectState",
                 fmt::format("{} is attached to no instance, so it has no virtual function", in_quotes(reference)),
                 {"", 0, "interface"}};
  return meant.front();
}

}  // namespace

std::string vf_link_name(VfLink link) { return std::string(kLinkNames[static_cast<std::size_t>(link)]); }

std::optional<VfLink> parse_vf_link(std::string_view word) {
  const auto found = std::find(kLinkNames.begin(), kLinkNames.end(), word);
  if (found == kLinkNames.end()) return std::nullopt;
  return static_cast<VfLink>(found - kLinkNames.begin());
}

std::optional<std::uint32_t> parse_vf_rate(std::string_view text) {
  std::string with_unit(text);
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) with_unit += "Mbps";
  else if (text.ends_with("bit")) with_unit.replace(with_unit.size() - 3, 3, "bps");
  const std::optional<std::uint64_t> bits = parse_rate(with_unit);
  if (!bits || *bits % kMega != 0 || *bits / kMega > kMostVfRateMbps) return std::nullopt;
  return static_cast<std::uint32_t>(*bits / kMega);
}

std::string describe(const VfSettings& settings) {
  std::vector<std::string> texts;
  if (settings.max_tx_rate_mbps != 0) texts.push_back("rate " + rate_text(settings.max_tx_rate_mbps * kMega));
  if (!settings.spoof_check) texts.push_back("spoof check off");
  if (settings.trust) texts.push_back("trust on");
  if (settings.link != VfLink::kAuto) texts.push_back("link " + vf_link_name(settings.link));
  return fmt::format("{}", fmt::join(texts, ", "));
}

void declare(VirtualFunction& vf, const VfSettings& now) {
  if (now.spoof_check != vf.declared.spoof_check) vf.spoof_check = now.spoof_check;
  if (now.trust != vf.declared.trust) vf.trust = now.trust;
  if (now.link != vf.declared.link) vf.link = now.link;
  if (now.max_tx_rate_mbps != vf.declared.max_tx_rate_mbps) vf.max_tx_rate_mbps = now.max_tx_rate_mbps;
  vf.declared = now;
}

Result<Deployment> set_vf(const Deployment& running, const VfChange& change) {
  if (!change.max_tx_rate_mbps && !change.spoof_check && !change.trust && !change.link)
    return Error{"MissingParameter", "nothing is to be changed: give at least one of rate, spoof_check, trust and link", {}};
  Deployment wanted = running;
  const Result<Eni*> eni = find_one(wanted, change.interface);
  if (!eni) return eni.error();
  VirtualFunction& vf = (*eni)->vf;
  vf.max_tx_rate_mbps = change.max_tx_rate_mbps.value_or(vf.max_tx_rate_mbps);
  vf.spoof_check = change.spoof_check.value_or(vf.spoof_check);
  vf.trust = change.trust.value_or(vf.trust);
  vf.link = change.link.value_or(vf.link);
  return wanted;
}

}  // namespace weft
