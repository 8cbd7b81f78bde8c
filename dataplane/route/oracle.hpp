// The slow, obvious twin of RouteTables (DESIGN D13): holds every route of the Deployment against the address.
#pragma once

#include "dataplane/route/route_tables.hpp"

namespace weft {

/// Same answer as RouteTables::find().
RouteDecision oracle_route(const Deployment& deployment, const Subnet& source, const IpAddress& destination);

}  // namespace weft
