// Which CPUs each instance's ranks get (DESIGN D17): disjoint sets when there are enough, none to fight for when not.
#pragma once

#include <string>
#include <vector>

namespace weft::cli {

/// The CPUs this process may use.
std::vector<int> usable_cpus();

/// One set for each instance, `ranks_each` CPUs in it at least, and one CPU left for weftd if there are more than ranks;
/// empty when there are fewer. Why ranks are kept apart though weftd then shares with one: docs/decisions/0004.
std::vector<std::vector<int>> share_cpus(const std::vector<int>& cpus, std::size_t instances, std::size_t ranks_each);

/// How mpirun hands the shares to `weft ssh`: "node-0=0,1;node-1=2,3" in $WEFT_CPUS.
std::string encode_shares(const std::vector<std::string>& instances, const std::vector<std::vector<int>>& shares);
std::vector<int> share_of(const std::string& encoded, const std::string& instance);

/// Restricts this process to its instance's share, if $WEFT_CPUS has one.
void take_cpus_from_environment(const std::string& instance);

}  // namespace weft::cli
