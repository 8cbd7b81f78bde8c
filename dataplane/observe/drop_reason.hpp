// The one table of drop reasons (DESIGN D11). Counters, `weft stats`, `weft flows --drops`, `weft explain` and
// docs/drop-reasons.md are all generated from it; the only other place a reason appears is the line that drops.
//
// X(symbol, name, sentence): the name is what a user greps for, the sentence what explain prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// clang-format off
#define WEFT_DROP_REASONS(X)                                                                                          \
  X(Malformed,          "malformed",           "the frame is too short or its headers contradict each other")         \
  X(SpoofedMac,         "spoofed-mac",         "the source MAC is not the ENI's own")                                 \
  X(SpoofedIp,          "spoofed-ip",          "the source address is not one of the ENI's own")                      \
  X(UnknownEtherType,   "unknown-ethertype",   "a VPC carries IPv4, IPv6 and ARP; this is another EtherType")          \
  X(Multicast,          "multicast",           "a VPC delivers neither broadcast nor multicast")                      \
  X(ArpUnanswered,      "arp-unanswered",      "nobody in this VPC has the address that the ARP request asks for")    \
  X(Fragment,           "fragment",            "a later IP fragment whose datagram's first one has not come")         \
  X(FragmentOverlap,    "fragment-overlap",    "a first fragment without its transport header, or one that overlaps it") \
  X(RouterService,      "router-service",      "the subnet router answers ICMP echo and nothing else")                \
  X(ServiceMalformed,   "service-malformed",   "the request is too short, or its fields contradict each other")       \
  X(ServiceFragment,    "service-fragment",    "a service of the fabric does not put fragments together")             \
  X(ServiceNotOffered,  "service-not-offered", "the fabric offers no such service at this address and port")          \
  X(ServiceNoRequest,   "service-no-request",  "the message is none that a client sends to a server")                 \
  X(ServiceNotYours,    "service-not-yours",   "the request speaks for another client or to another server")          \
  X(ServiceNoAddress,   "service-no-address",  "the ENI or its subnet has no address of this family")                 \
  X(NeighbourUnknown,   "neighbour-unanswered","nobody in this subnet has the address that the solicitation asks for") \
  X(ResolverOff,        "resolver-off",        "the VPC has dns_support: false, so the resolver does not answer")     \
  X(ServiceNoRoom,      "service-no-room",     "the answer is longer than one of the fabric's buffers")               \
  X(NoRoute,            "no-route",            "no route of the subnet's route table has the destination")              \
  X(NoSuchAddress,      "no-such-address",     "no ENI of this VPC has the destination address")                      \
  X(GroupEgress,        "group-egress",        "no egress rule of the source ENI's security groups allows it")        \
  X(GroupIngress,       "group-ingress",       "no ingress rule of the destination ENI's security groups allows it")  \
  X(AclEgress,          "acl-egress",          "the network ACL of the source's subnet lets it not leave")            \
  X(AclIngress,         "acl-ingress",         "the network ACL of the destination's subnet lets it not enter")       \
  X(Blackhole,          "blackhole",           "its route leads nowhere: a blackhole")                                \
  X(NoPublicAddress,    "no-public-address",   "it goes to the internet and its source has no public address")        \
  X(UnknownPublicAddress,"unknown-public-address","from the internet to a public address that no ENI has")            \
  X(NotForEni,          "not-for-eni",         "a route leads to an ENI with source/dest check, which lacks the address") \
  X(FlowTableFull,      "flow-table-full",     "the flow table has no room for a new tracked connection")             \
  X(TimeToLive,         "time-to-live",        "its time to live ended at the internet gateway")                      \
  X(TooBig,             "too-big",             "the packet is larger than the destination's MTU")                     \
  X(LinkDown,           "link-down",           "the virtual function's link is down")                                 \
  X(PortFull,           "port-full",           "the destination's receive queue is full")                             \
  X(BwInAllowance,      "bw-in-allowance",     "the receiving instance's bandwidth allowance is used up")             \
  X(BwOutAllowance,     "bw-out-allowance",    "the sending instance's bandwidth allowance is used up")               \
  X(PpsAllowance,       "pps-allowance",       "an instance's packets per second, both ways together, are used up")   \
  X(ConntrackAllowance, "conntrack-allowance", "an instance tracks as many connections as its type may")              \
  X(LinkLocalAllowance, "linklocal-allowance", "over 1024 packets a second from the ENI to DNS, IMDS and NTP")        \
  X(FragmentAllowance,  "fragment-allowance",  "more than 1024 IP fragments a second out of the ENI")                 \
  X(FlowBandwidth,      "flow-bandwidth",      "one flow may use 5 Gbps, 10 inside a cluster placement group")        \
  X(VfRate,             "vf-rate",             "the virtual function's max_tx_rate is used up")                       \
  X(HandoverFull,       "handover-full",       "the ring to the worker that owns the flow is full")                   \
  X(FabricDown,         "fabric-down",         "the fault that is set has the path through the underlay down")        \
  X(FabricLoss,         "fabric-loss",         "lost on the path through the underlay, as its impairment says")       \
  X(FabricQueue,        "fabric-queue",        "no room in the queue before the rate of the underlay's path")         \
  X(EfaGroupEgress,     "efa-group-egress",    "EFA: no egress rule names a group of the destination ENI")            \
  X(EfaGroupIngress,    "efa-group-ingress",   "EFA: no ingress rule names a group of the source ENI")                \
  X(EfaUnreachable,     "efa-unreachable",     "EFA: no EFA interface of this VPC and zone has that address")         \
  X(EfaBadQpn,          "efa-bad-qpn",         "EFA: the destination queue pair does not exist")                      \
  X(EfaReceiverNotReady,"efa-rnr",             "EFA: the destination queue pair has no receive buffer (RNR)")         \
  X(EfaBadDescriptor,   "efa-bad-descriptor",  "EFA: the descriptor names memory or lengths out of bounds")
// clang-format on

namespace weft {

enum class DropReason : std::uint8_t {
#define WEFT_ENUM(symbol, name, sentence) k##symbol,
  WEFT_DROP_REASONS(WEFT_ENUM)
#undef WEFT_ENUM
};

inline constexpr std::string_view kDropNames[] = {
#define WEFT_NAME(symbol, name, sentence) name,
    WEFT_DROP_REASONS(WEFT_NAME)
#undef WEFT_NAME
};

inline constexpr std::string_view kDropSentences[] = {
#define WEFT_SENTENCE(symbol, name, sentence) sentence,
    WEFT_DROP_REASONS(WEFT_SENTENCE)
#undef WEFT_SENTENCE
};

inline constexpr std::size_t kDropReasons = sizeof(kDropNames) / sizeof(kDropNames[0]);

constexpr std::string_view name(DropReason reason) { return kDropNames[static_cast<std::size_t>(reason)]; }
constexpr std::string_view sentence(DropReason reason) { return kDropSentences[static_cast<std::size_t>(reason)]; }

}  // namespace weft
