#include "dataplane/model/faults.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace {

constexpr std::size_t kLongestFaultName = 64;

auto named(const std::string& name) {
  return [&name](const underlay::Fault& fault) { return fault.name == name; };
}

/// The instance's name for what may be its id; empty stands for every one.
Result<std::string> instance_name(const Deployment& deployment, const std::string& name_or_id, const char* key) {
  if (name_or_id.empty()) return std::string();
  if (const Instance* instance = deployment.find_instance(name_or_id)) return instance->name;
  return Error{"InvalidInstanceID.NotFound",
               fmt::format("The instance ID {} does not exist{}", in_quotes(name_or_id),
                           hint(name_or_id, names_of(deployment.instances))),
               {"", 0, key}};
}

std::string free_name(const Deployment& deployment) {
  const std::vector<underlay::Fault> all = all_faults(deployment);
  for (std::size_t number = 1;; ++number) {
    std::string name = fmt::format("fault-{}", number);
    if (std::ranges::none_of(all, named(name))) return name;
  }
}

}  // namespace

std::vector<underlay::Fault> all_faults(const Deployment& deployment) {
  std::vector<underlay::Fault> all = deployment.declared_faults;
  all.insert(all.end(), deployment.set_faults.begin(), deployment.set_faults.end());
  return all;
}

bool is_fault_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !name.empty() && name.size() <= kLongestFaultName && std::ranges::all_of(name, allowed);
}

std::vector<Error> mistakes_of(const underlay::Fault& fault, std::uint32_t spines) {
  std::vector<Error> mistakes;
  if (!is_fault_name(fault.name))
    mistakes.push_back({"InvalidParameterValue",
                        fmt::format("{} is no name for a fault; use 1 to {} letters, digits, '-', '_' and '.'",
                                    in_quotes(fault.name), kLongestFaultName),
                        {"", 0, "name"}});
  if (fault.path && *fault.path >= spines)
    mistakes.push_back({"InvalidParameterValue",
                        fmt::format("there is no path {}; with spines: {} paths are numbered from 0 to {}", *fault.path,
                                    spines, spines - 1),
                        {"", 0, "path"}});
  if (!fault.host.empty() && (fault.path || !fault.from.empty() || !fault.to.empty()))
    mistakes.push_back({"InvalidParameterCombination",
                        "'host' is about a host's link, both directions, 'path', 'from' and 'to' about paths; keep one of "
                        "the two",
                        {"", 0, "host"}});
  if (!fault.host.empty() && (fault.impairment.duplicate != 0 || fault.impairment.reorder != 0))
    mistakes.push_back({"InvalidParameterCombination",
                        "a host's link neither duplicates nor reorders, only paths do; leave 'host' out",
                        {"", 0, "host"}});
  if (fault.impairment == underlay::Impairment{})
    mistakes.push_back({"MissingParameter",
                        fmt::format("the fault {} says nothing that is wrong, such as latency: 50us or loss: 1%",
                                    in_quotes(fault.name)),
                        {}});
  return mistakes;
}

Result<Deployment> set_fault(const Deployment& running, underlay::Fault fault) {
  if (fault.name.empty()) fault.name = free_name(running);
  if (std::ranges::any_of(running.declared_faults, named(fault.name)))
    return Error{"InvalidFault.Duplicate",
                 fmt::format("the topology file has a fault {}, and its word stands; take another name, or change the "
                             "file and run `weft up` again",
                             in_quotes(fault.name)),
                 {"", 0, "name"}};
  if (const std::vector<Error> mistakes = mistakes_of(fault, running.layout.spines); !mistakes.empty())
    return mistakes.front();
  for (auto [end, key] : {std::pair{&fault.from, "from"}, std::pair{&fault.to, "to"}, std::pair{&fault.host, "host"}}) {
    Result<std::string> name = instance_name(running, *end, key);
    if (!name) return name.error();
    *end = *name;
  }
  Deployment wanted = running;
  const auto before = std::ranges::find_if(wanted.set_faults, named(fault.name));
  if (before == wanted.set_faults.end())
    wanted.set_faults.push_back(std::move(fault));
  else
    *before = std::move(fault);
  return wanted;
}

Result<Deployment> clear_fault(const Deployment& running, const std::string& name) {
  Deployment wanted = running;
  if (std::erase_if(wanted.set_faults, named(name)) > 0) return wanted;
  if (std::ranges::any_of(running.declared_faults, named(name)))
    return Error{"InvalidFault.Declared",
                 fmt::format("the fault {} is the topology file's; take it out there and run `weft up` again",
                             in_quotes(name)),
                 {}};
  return Error{"InvalidFault.NotFound",
               fmt::format("there is no fault {}{}", in_quotes(name), hint(name, names_of(running.set_faults))),
               {}};
}

Deployment clear_faults(const Deployment& running) {
  Deployment wanted = running;
  wanted.set_faults.clear();
  return wanted;
}

void forget_faults_of(Deployment& deployment, const std::string& instance) {
  const auto names_it = [&](const underlay::Fault& fault) { 
    return fault.from == instance || fault.to == instance || fault.host == instance;
  };
  std::erase_if(deployment.declared_faults, names_it);
  std::erase_if(deployment.set_faults, names_it);
}

}  // namespace weft
