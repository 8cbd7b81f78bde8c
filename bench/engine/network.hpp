// The network that the rungs of the ladder run on: pairs of ENIs in one subnet, with the rules, limits and public
// addresses that a rung asks for; and the frames that go round in it.
//
// Ends are numbered: pair p has the ends p and pairs + p, so that an engine that gives out its ports in turn polls both
// ends of a pair by one worker.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/model/deployment.hpp"

namespace weft::bench {

enum class Rules : std::uint8_t {
  kTracked,    // udp from the group itself, both ways
  kUntracked,  // everything from everywhere, both ways: what EC2 does not track (facts ec2 2.4)
};

struct NetworkOptions {
  unsigned pairs = 1;
  bool ipv6 = false;
  std::uint32_t wire_bytes = 64;  // of a frame, with its FCS; of IPv6 at least 66
  Rules rules = Rules::kTracked;
  unsigned rules_in_vain = 0;  // of each direction, before the one that matches
  bool internet = false;       // end 1 is the internet, and end 0 has an Elastic IP
  bool limits = false;         // allowances that nobody reaches
  bool logged = false;         // a flow log of the VPC
};

Deployment make_network(const NetworkOptions& options);

std::string eni_id(unsigned end);

/// A frame that `end` sends to the other of its pair: the flow's number gives its
/// ports, and its UDP checksum is left out, so that who changes an address need not mend it.
void build_frame(rte_mbuf* packet, const NetworkOptions& options, unsigned end, std::uint32_t flow);

/// By which it has its worker (Handover::owner()).
std::uint16_t flow_rss(const NetworkOptions& options, unsigned end, std::uint32_t flow);

}  // namespace weft::bench
