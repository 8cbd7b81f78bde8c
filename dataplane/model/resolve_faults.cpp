// The fabric's layout and its faults: that each has a name of its own, a path that there is, and ends that there are.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dataplane/model/faults.hpp"
#include "dataplane/model/resolver.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {

void Resolver::resolve_faults() {
  result_.layout = topology_.fabric;
  std::set<std::string> names;
  for (std::size_t i = 0; i < topology_.faults.size(); ++i) {
    const underlay::Fault& fault = topology_.faults[i];
    const std::string key = fmt::format("faults[{}]", i);
    check_fault(fault, key);
    if (!names.insert(fault.name).second)
      refuse(key + ".name", "InvalidFault.Duplicate",
             fmt::format("a second fault has the name {}; every one needs its own", in_quotes(fault.name)));
    if (std::ranges::any_of(running_.set_faults, [&](const underlay::Fault& set) { return set.name == fault.name; }))
      refuse(key + ".name", "InvalidFault.Duplicate",
             fmt::format("a fault {} was set while the deployment runs; take another name, or `weft fault clear {}` "
                         "first",
                         in_quotes(fault.name), fault.name));
    result_.declared_faults.push_back(fault);
  }
  // Those that were set stay as long as what they are about is there.
  std::ranges::copy_if(running_.set_faults, std::back_inserter(result_.set_faults), [&](const underlay::Fault& set) {
    const auto is_there = [&](const std::string& end) { return end.empty() || find_wanted(end) != nullptr; };
    return is_there(set.from) && is_there(set.to) && is_there(set.host) && set.path.value_or(0) < result_.layout.spines;
  });
}

void Resolver::check_fault(const underlay::Fault& fault, const std::string& key) {
  for (const Error& mistake : mistakes_of(fault, topology_.fabric.spines))
    refuse(mistake.where.key.empty() ? key : key + "." + mistake.where.key, mistake.code, mistake.message);
  for (const auto& [end, name] : {std::pair{".from", fault.from}, std::pair{".to", fault.to}, std::pair{".host", fault.host}})
    if (!name.empty() && find_wanted(name) == nullptr)
      refuse(key + end, "InvalidInstanceID.NotFound",
             fmt::format("The instance ID {} does not exist{}", in_quotes(name), hint(name, names_of(instances_))));
}

}  // namespace weft
