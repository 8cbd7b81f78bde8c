// Where instances stand, as the underlay counts: for the snapshot, and for who asks what a way is like. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "dataplane/model/deployment.hpp"
#include "dataplane/underlay/plan.hpp"

namespace weft {

/// Availability zones by label, numbered from 0 as subnets name them.
using Zones = std::unordered_map<std::string, std::uint16_t>;
Zones zones_of(const Deployment& deployment);

/// By the instance's name. All interfaces of an instance are in one zone; one without any is in no subnet's zone.
using HostsByInstance = std::unordered_map<std::string, underlay::Host>;
HostsByInstance hosts_of(const Deployment& deployment);

/// The configuration with hosts for names; its version is the caller's to set. A fault of an instance that is not there
/// concerns nobody.
underlay::Plan compile_plan(const underlay::Configuration& configuration, const HostsByInstance& hosts);

}  // namespace weft
