#include "bench/engine/ladder.hpp"

namespace weft::bench {

std::vector<Rung> ladder() {
  constexpr unsigned kRules = 1000;
  return {
      {.name = "switch", .what = "parse, spoof check, destination: no state", .flows = 10'000, .stages_only = true,
       .floor_mpps = 25, .goal_mpps = 35},
      {.name = "flows-1", .what = "both gates tracked, 1 flow", .flows = 1, .floor_mpps = 18, .goal_mpps = 23},
      {.name = "flows-1k", .what = "1,000 flows", .flows = 1000},
      {.name = "flows-10k", .what = "10,000 flows", .flows = 10'000, .floor_mpps = 12, .goal_mpps = 18},
      {.name = "flows-100k", .what = "100,000 flows", .flows = 100'000, .floor_mpps = 10, .goal_mpps = 16},
      {.name = "flows-1m", .what = "1,000,000 flows", .flows = 1'000'000, .floor_mpps = 6, .goal_mpps = 10},
      {.name = "rules-1k", .what = "10,000 flows, 1,000 rules each way", .network = {.rules_in_vain = kRules},
       .flows = 10'000, .floor_mpps = 12, .goal_mpps = 18},
      {.name = "new-flows", .what = "every packet a new flow, 1,000 rules each way", .network = {.rules_in_vain = kRules},
       .flows = 4096, .new_flows = true, .floor_mpps = 0.8, .goal_mpps = 1.5},
      {.name = "ipv6-10k", .what = "IPv6, 10,000 flows", .network = {.ipv6 = true}, .flows = 10'000, .floor_mpps = 9,
       .goal_mpps = 14},
      {.name = "limits-10k", .what = "allowances, 10,000 flows", .network = {.limits = true}, .flows = 10'000},
      {.name = "logged-10k", .what = "a flow log of the VPC: both ends of each packet, 10,000 flows",
       .network = {.logged = true}, .flows = 10'000},
      {.name = "armed-10k", .what = "a capture of somebody else, 10,000 flows", .flows = 10'000, .capture = Capture::kOther},
      {.name = "captured-10k", .what = "a capture of both ends, 10,000 flows", .flows = 10'000, .capture = Capture::kBoth},
      {.name = "nat-10k", .what = "Elastic IP, both ways, 10,000 flows", .network = {.internet = true}, .flows = 10'000},
      {.name = "everything-10k", .what = "allowances, Elastic IP, a flow log, a capture of somebody else, 10,000 flows",
       .network = {.internet = true, .limits = true, .logged = true}, .flows = 10'000, .capture = Capture::kOther,
       .floor_mpps = 7, .goal_mpps = 11},
      {.name = "untracked-10k", .what = "all open both ways, 10,000 flows", .network = {.rules = Rules::kUntracked},
       .flows = 10'000, .floor_mpps = 20, .goal_mpps = 28},
      {.name = "size-512", .what = "512 bytes on the wire, 10,000 flows", .network = {.wire_bytes = 512}, .flows = 10'000},
      {.name = "size-1500", .what = "1500 bytes", .network = {.wire_bytes = 1500}, .flows = 10'000},
      {.name = "size-9000", .what = "9000 bytes", .network = {.wire_bytes = 9000}, .flows = 10'000},
      {.name = "enis-2", .what = "2 ENIs, 64,000 flows", .flows = 64'000},
      {.name = "enis-1000", .what = "1,000 ENIs, 64,000 flows", .network = {.pairs = 500}, .flows = 64'000},
      {.name = "one-worker", .what = "a thread of its own, two pairs, 10,000 flows", .network = {.pairs = 2},
       .flows = 10'000, .workers = 1},
      {.name = "two-workers", .what = "two of them, flows spread", .network = {.pairs = 2}, .flows = 10'000, .workers = 2},
  };
}

}  // namespace weft::bench
