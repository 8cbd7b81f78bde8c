// What a figure depends on and nobody remembers afterwards: the machine, its kernel, DPDK, its load, the date.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace weft::gen {

std::vector<std::pair<std::string, std::string>> system_facts();

}  // namespace weft::gen
