// What tests see of an engine: every counter and table by name, a clock that stands still, packets as byte strings.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "dataplane/worker/engine.hpp"
#include "tests/dataplane/worker/frames.hpp"

namespace weft::test {

using Changes = std::map<std::string, long long>;
Changes operator+(Changes left, const Changes& right);

/// What an ENI, or the internet gateway, is called in names such as "a.rx_packets".
using NameOf = std::function<std::string(const std::string& eni_id)>;

/// All that are not zero.
Changes counters_of(const Engine& engine, const NameOf& name_of);
/// And the flows: "flow 10.0.1.4:7>10.0.1.5:9/17 udp tracked-tracked", "... packets", "... answers".
Changes state_of(Engine& engine, const NameOf& name_of);
std::string flow_name(const PacketTuple& initiator);
/// What differs, and `last` is now `now`.
Changes difference(const Changes& now, Changes& last);

/// The clock of engines that run without threads, for EngineOptions::now_ns.
std::uint64_t virtual_now_ns();
void advance_virtual_ns(std::uint64_t ns);

/// A chain of buffers where one is not enough.
rte_mbuf* packet_of(rte_mempool* pool, const Frame& frame);
Frame bytes_of(const rte_mbuf* packet);

}  // namespace weft::test
