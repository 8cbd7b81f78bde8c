// The common packet, read by few wide compares: TCP or UDP over IPv4 or IPv6 without options, whole, in one buffer, with
// nothing to offload, to one receiver, and sent by the ENI it comes from under its own MAC and an address of its own (of
// IPv4 its primary one).
//
// It says yes or nothing: what it has not taken, for whatever reason, parse() and check_source() look at as if it were
// not there, and only they drop. tests/dataplane/worker/parse_plain_test.cpp holds the two against each other.
#pragma once

#include "dataplane/worker/burst.hpp"
#include "dataplane/worker/context.hpp"

namespace weft {

/// Sets the bits of Burst::plain, the lanes of those packets as parse() would, Burst::bytes and Burst::longest.
void parse_plain(Burst& burst, WorkerContext& worker) noexcept;

}  // namespace weft
