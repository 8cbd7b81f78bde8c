// The internet gateway in words: one public address for one private address, and at most 1500 bytes (facts
// ec2 1.8, 1.10, 3.1). IPv6 goes through unchanged.
#include <fmt/format.h>

#include "dataplane/policy/explain_path.hpp"
#include "dataplane/policy/rule_match.hpp"

namespace weft {
namespace {

constexpr std::uint32_t kInternetMtu = 1500;

/// A public address and what it stands for.
struct Mapping {
  IpAddress public_address;
  IpAddress private_address;
  const Eni* eni = nullptr;
  std::string name;  // "Elastic IP web (eipalloc-...)", "the public IPv4 of eth0 of node-0 (eni-...)"
};

std::vector<Mapping> mappings_of(const Deployment& deployment) {
  std::vector<Mapping> mappings;
  for (const ElasticIp& elastic : deployment.elastic_ips)
    if (const Eni* eni = elastic.eni_id.empty() ? nullptr : deployment.find_eni(elastic.eni_id))
      mappings.push_back(
          {elastic.address, elastic.private_ip, eni, fmt::format("Elastic IP {} ({})", elastic.name, elastic.id)});
  for (const Eni* eni : flatten_enis(deployment))
    if (eni->public_ip)
      mappings.push_back({*eni->public_ip, eni->private_ip, eni, fmt::format("the public IPv4 of {}", eni_name(*eni))});
  return mappings;
}

/// The Elastic IP of an address takes the place of its public IPv4 (facts ec2 3.1): it comes first.
std::optional<Mapping> mapping_of_private(const Deployment& deployment, const IpAddress& address) {
  for (const Mapping& mapping : mappings_of(deployment))
    if (mapping.private_address == address) return mapping;
  return std::nullopt;
}

std::optional<Mapping> mapping_of_public(const Deployment& deployment, const IpAddress& address) {
  for (const Mapping& mapping : mappings_of(deployment))
    if (mapping.public_address == address) return mapping;
  return std::nullopt;
}

ExplainStep gateway_step(const Deployment& deployment) {
  ExplainStep step;
  step.stage = "internet gateway";
  step.subject = deployment.internet_gateway->id;
  return step;
}

/// An association that does not exist any more, or nobody's: what is known of a public address that leads nowhere.
std::string why_unknown(const Deployment& deployment, const IpAddress& address) {
  for (const ElasticIp& elastic : deployment.elastic_ips)
    if (elastic.address == address)
      return fmt::format("Elastic IP {} ({}) is associated with no interface", elastic.name, elastic.id);
  return fmt::format("{} is no Elastic IP and no public IPv4 of an interface", address.to_string());
}

void explain_gateway_mtu(ExplainPath& path) {
  if (path.question.size == 0) return;
  ExplainStep step;
  step.stage = "MTU";
  step.subject = path.deployment.internet_gateway->id;
  const bool v4 = path.packet.source.is_v4();
  const std::string told = v4 ? "ICMP type 3 code 4 with MTU 1500" : "ICMPv6 type 2 with MTU 1500";
  if (path.question.size <= kInternetMtu) {
    step.reason = fmt::format("{} bytes; the internet gateway forwards up to {}", path.question.size, kInternetMtu);
  } else if (v4 && !path.question.dont_fragment) {
    step.reason =
        fmt::format("{} bytes become fragments of at most {}, for DF is clear", path.question.size, kInternetMtu);
  } else {
    step.reason = fmt::format("{} bytes; the internet gateway forwards at most {}, and {} goes back to the sender",
                              path.question.size, kInternetMtu, told);
    return path.drop(std::move(step), DropReason::kTooBig);
  }
  path.pass(std::move(step));
}

}  // namespace

bool explain_gateway_out(ExplainPath& path) {
  const Deployment& deployment = path.deployment;
  const InternetGateway& gateway = *deployment.internet_gateway;
  ExplainStep step = gateway_step(deployment);
  if (path.packet.source.is_v4()) {
    const auto mapping = mapping_of_private(deployment, path.packet.source);
    if (!mapping) {
      step.reason = fmt::format("{} of {} has neither an Elastic IP nor a public IPv4", path.packet.source.to_string(),
                                eni_name(*path.source));
      path.drop(std::move(step), DropReason::kNoPublicAddress);
      return false;
    }
    step.reason = fmt::format("source {} becomes {}, {}", path.packet.source.to_string(),
                              mapping->public_address.to_string(), mapping->name);
    path.note(fmt::format("out through {} as {}", gateway.id, mapping->public_address.to_string()));
    path.packet.source = mapping->public_address;
  } else {
    step.reason = "IPv6 goes through unchanged";
    path.note(fmt::format("out through {}", gateway.id));
  }
  path.pass(std::move(step));
  explain_gateway_mtu(path);
  const IpAddress& destination = path.packet.destination;
  return destination.is_v4() &&
         (gateway.public_pool.contains(destination) || mapping_of_public(deployment, destination));
}

void explain_gateway_in(ExplainPath& path) {
  const Deployment& deployment = path.deployment;
  ExplainStep step = gateway_step(deployment);
  if (path.source == nullptr) explain_gateway_mtu(path);  // what turns round was measured on its way out
  const std::string destination = path.packet.destination.to_string();
  if (!path.packet.destination.is_v4()) {
    path.target = eni_at(deployment, path.packet.destination);
    if (path.target == nullptr) {
      step.reason = fmt::format("no interface has {}", destination);
      return path.drop(std::move(step), DropReason::kNoSuchAddress);
    }
    step.reason = "IPv6 goes through unchanged";
    path.note(fmt::format("in through {}", step.subject));
    return path.pass(std::move(step));
  }
  const auto mapping = mapping_of_public(deployment, path.packet.destination);
  if (!mapping) {
    step.reason = why_unknown(deployment, path.packet.destination);
    return path.drop(std::move(step), DropReason::kUnknownPublicAddress);
  }
  path.target = mapping->eni;
  path.packet.destination = mapping->private_address;
  step.reason =
      fmt::format("destination {}, {}, becomes {}", destination, mapping->name, mapping->private_address.to_string());
  path.note(fmt::format("in through {} to {}", step.subject, mapping->private_address.to_string()));
  path.pass(std::move(step));
}

}  // namespace weft
