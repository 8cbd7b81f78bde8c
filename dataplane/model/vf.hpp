// Virtual functions: the words of ip-link(8) for what can be set of one, and setting it while everything runs.
//
// What a file declares of a function is in force until somebody sets it otherwise; what was set stays over `weft up`, as long
// as the file says the same about that attribute as before. A function is of an attachment: detached, all of it is forgotten.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/result.hpp"

namespace weft {

inline constexpr std::uint32_t kMostVfRateMbps = 1'000'000;  // 1 Tbps
inline constexpr const char* kIsNoVfRate =
    "is no rate; write whole Mbps, as 100 or 100Mbps or 2.5Gbit, up to 1000000, or 0 for no limit";

/// "auto", "enable", "disable".
std::string vf_link_name(VfLink link);
std::optional<VfLink> parse_vf_link(std::string_view word);

/// Mbps: "100" as ip-link(8) has it, or with a unit, of "bit" as tc(8) writes it or of "bps" as the topology file does.
std::optional<std::uint32_t> parse_vf_rate(std::string_view text);

/// "rate 100Mbps, spoof check off, trust on, link disable": what differs from the defaults; empty: nothing.
std::string describe(const VfSettings& settings);

/// The file says this now: where it says something else than before, that is in force.
void declare(VirtualFunction& vf, const VfSettings& now);

/// What is not there stays as it is.
struct VfChange {
  std::string interface;  // "eni-...", "web/eth0", "web" (its only interface), or of network_interfaces
  std::optional<std::uint32_t> max_tx_rate_mbps;
  std::optional<bool> spoof_check, trust;
  std::optional<VfLink> link;
};

/// InvalidNetworkInterfaceID.NotFound, InvalidParameterValue (more than one is meant), IncorrectState (it is attached to
/// nothing, so it has no function), MissingParameter (nothing is to be changed).
Result<Deployment> set_vf(const Deployment& running, const VfChange& change);

}  // namespace weft
