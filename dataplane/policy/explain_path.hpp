// One packet on its way through explain: where it is, what was found out, and the verdict that comes of it. Every stage
// (explain_route.cpp, explain_acl.cpp, explain_nat.cpp, ...) adds its step and moves the packet on.
#pragma once

#include <string>
#include <vector>

#include "dataplane/observe/drop_reason.hpp"
#include "dataplane/policy/explain.hpp"

namespace weft {

class ExplainPath {
 public:
  ExplainPath(const Deployment& of, const ExplainQuestion& asked);

  const Deployment& deployment;
  const ExplainQuestion& question;
  PacketTuple packet;            // as it is at this point: the gateway changes addresses
  const Eni* source = nullptr;   // who sends; null: the internet
  const Subnet* from = nullptr;  // its subnet
  const Eni* target = nullptr;   // who gets it; null: not known yet, or nobody

  /// The first drop is the verdict; steps behind it show what else is in the way.
  void pass(ExplainStep step);
  void drop(ExplainStep step, DropReason reason);
  /// `how` appears in the verdict of a packet that passes: "egress of node-0 by ...".
  void note(std::string how) { ways_.push_back(std::move(how)); }
  void gate(GateExplanation gate, DropReason reason);
  bool dropped() const { return dropped_; }
  const std::vector<GateExplanation>& gates() const { return result_.gates; }  // those passed until now

  Explanation finish();

 private:
  Explanation result_;
  std::string what_;               // "tcp 22 from node-0 (10.0.1.4) to node-1 (10.0.1.5)"
  std::vector<std::string> ways_;  // of the verdict when it passes
  std::string drop_sentence_;      // of the verdict when it does not
  bool dropped_ = false;
};

/// "node-0 (10.0.1.4)", or the address alone.
std::string end_name(const Eni* eni, const IpAddress& address);
/// "eth1 of node-0 (eni-...)", "eni-... (attached to no instance)"
std::string eni_name(const Eni& eni);
/// The subnet's last address, where IPv4 has its directed broadcast (facts ec2 1.6).
bool is_broadcast(const Subnet& subnet, const IpAddress& address);
/// fe80::/10
bool is_link_local_v6(const IpAddress& address);
const Subnet* subnet_of(const Deployment& deployment, const Eni& eni);
/// Runs, and its virtual function is up. Otherwise a sentence why nothing comes from it or to it.
std::optional<std::string> why_link_is_down(const Deployment& deployment, const Eni& eni);

// explain_route.cpp
enum class RouteOutcome { kNoRoute, kBlackhole, kLocal, kGateway, kInterface };
struct RouteLookup {
  RouteOutcome outcome = RouteOutcome::kNoRoute;
  const Eni* eni = nullptr;  // kLocal: who has the address, or null; kInterface: the target
  ExplainStep step;          // as it is when the route leads somewhere
};
RouteLookup look_up_route(const Deployment& deployment, const Subnet& source, const IpAddress& destination);
/// Adds the step, and sets the target when there is one.
void explain_route(ExplainPath& path, const RouteLookup& route);

// explain_service.cpp
/// What the fabric answers itself. True: the packet goes no further, and its step has been added.
bool explain_service(ExplainPath& path);

// explain_acl.cpp
void explain_acl(ExplainPath& path, const Subnet& subnet, Direction direction);

// explain_nat.cpp
/// Who is behind the internet gateway: neither of this VPC nor nobody's. There must be a gateway.
bool is_outside(const Deployment& deployment, const IpAddress& address);
/// Out through the internet gateway: source NAT and 1500 bytes. True: somebody in this VPC has the destination as a
/// public address, so that the packet turns round at the gateway.
bool explain_gateway_out(ExplainPath& path);
/// In through it: destination NAT, and the target.
void explain_gateway_in(ExplainPath& path);

// explain_allowance.cpp
/// Of what goes to the services that have link-local addresses, before they see it.
void explain_link_local_allowance(ExplainPath& path);
/// Of what has passed everything else.
void explain_allowances(ExplainPath& path, bool through_gateway);

// explain_efa.cpp
Explanation explain_efa(const Deployment& deployment, const ExplainQuestion& question);

}  // namespace weft
