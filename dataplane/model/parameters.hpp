// What EC2 does not publish (facts ec2 11), and the quota that accounts have raised, as numbers and switches with their
// defaults. docs/parameters.md has the reason for each default, and those that are no key of the topology file. Live: a
// change is a change of the VPC.
#pragma once

#include <array>
#include <string_view>

namespace weft {

/// Rules of a group times groups of an interface (facts ec2 2.3).
inline constexpr int kMostRulesPerEni = 1000;

struct Parameters {
  // Idle time-outs of tracked flows, seconds.
  int tcp_opening_timeout = 60;  // half-open
  int tcp_closing_timeout = 60;  // after FIN both ways, or RST
  int icmp_timeout = 30;
  // Allowances.
  int credit_seconds = 300;              // how long full credits sustain the peak bandwidth
  int burst_ms = 10;                     // what a bucket holds, as time at its rate
  bool refused_packets_use_pps = false;  // what a gate or ACL refuses, of the PPS allowance
  // Answers.
  bool related_icmp_errors = true;  // an ICMP error about a tracked flow passes by its state
  bool router_answers_arp = false;  // for an address that no interface of the subnet has; false: silence
  // EFA.
  bool express_channels = true;  // two processes of one host may share memory past the worker (DESIGN D8)
  // Quotas, per direction and per IP family (facts ec2 2.3). With the groups of an interface, at most kMostRulesPerEni.
  int rules_per_security_group = 60;
  bool operator==(const Parameters&) const = default;
};

/// Every one under its key, for what reads, writes and compares them.
struct NumberParameter {
  std::string_view key;
  int Parameters::*value;
  int least, most;
};
inline constexpr std::array<NumberParameter, 6> kNumberParameters{{
    {"tcp_opening_timeout", &Parameters::tcp_opening_timeout, 1, 432'000},
    {"tcp_closing_timeout", &Parameters::tcp_closing_timeout, 1, 432'000},
    {"icmp_timeout", &Parameters::icmp_timeout, 1, 432'000},
    {"credit_seconds", &Parameters::credit_seconds, 1, 86'400},
    {"burst_ms", &Parameters::burst_ms, 1, 1000},
    {"rules_per_security_group", &Parameters::rules_per_security_group, 1, kMostRulesPerEni},
}};
struct SwitchParameter {
  std::string_view key;
  bool Parameters::*value;
};
inline constexpr std::array<SwitchParameter, 4> kSwitchParameters{{
    {"refused_packets_use_pps", &Parameters::refused_packets_use_pps},
    {"related_icmp_errors", &Parameters::related_icmp_errors},
    {"router_answers_arp", &Parameters::router_answers_arp},
    {"express_channels", &Parameters::express_channels},
}};

}  // namespace weft
