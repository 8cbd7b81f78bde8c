#include "dataplane/model/instance_types.hpp"

#include <algorithm>
#include <array>

namespace weft {
namespace {

// Facts ec2 1.5, a dump of DescribeInstanceTypes.
constexpr std::array kTypes = {
    InstanceType{"t2.micro", 2, 0},          InstanceType{"t3.nano", 2, 0},
    InstanceType{"t3.micro", 2, 0},          InstanceType{"t3.medium", 3, 0},
    InstanceType{"t3.xlarge", 4, 0},         InstanceType{"m5.large", 3, 0},
    InstanceType{"m5.xlarge", 4, 0},         InstanceType{"m5.4xlarge", 8, 0},
    InstanceType{"m5.8xlarge", 8, 0},        InstanceType{"m5.24xlarge", 15, 0},
    InstanceType{"c5n.large", 3, 0},         InstanceType{"c5n.9xlarge", 8, 1},
    InstanceType{"c5n.18xlarge", 15, 1},     InstanceType{"c6gn.16xlarge", 15, 1},
    InstanceType{"c7g.16xlarge", 15, 1},     InstanceType{"c7gn.16xlarge", 15, 1},
    InstanceType{"m6i.32xlarge", 15, 1},     InstanceType{"m6in.32xlarge", 16, 2},
    InstanceType{"hpc6a.48xlarge", 2, 1},    InstanceType{"hpc6id.32xlarge", 2, 2},
    InstanceType{"hpc7g.4xlarge", 4, 1},     InstanceType{"hpc7g.16xlarge", 4, 1},
    InstanceType{"hpc7a.12xlarge", 4, 2},    InstanceType{"hpc7a.96xlarge", 4, 2},
    InstanceType{"hpc8a.96xlarge", 4, 2},    InstanceType{"p3dn.24xlarge", 15, 1},
    InstanceType{"p4d.24xlarge", 60, 4},     InstanceType{"p5.4xlarge", 4, 1},
    InstanceType{"p5.48xlarge", 64, 32},     InstanceType{"p5en.48xlarge", 64, 16},
    InstanceType{"p6-b200.48xlarge", 32, 8}, InstanceType{"p6-b300.48xlarge", 68, 16},
    InstanceType{"trn1.32xlarge", 40, 8},    InstanceType{"trn2.48xlarge", 32, 16},
    InstanceType{"c8gn.48xlarge", 24, 2},    InstanceType{"m8a.48xlarge", 24, 1},
};

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

const InstanceType* find_instance_type(std::string_view name) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [&](const InstanceType& t) { return t.name == name; });
  return found == kTypes.end() ? nullptr : found;
}

bool is_instance_type_name(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && name.size() <= 64 && is_word(name.substr(0, dot)) &&
         is_word(name.substr(dot + 1));
}

bool may_join_cluster(std::string_view type) {
  const std::string_view family = type.substr(0, type.find('.'));
  for (std::string_view burstable : {"t1", "t2", "t3", "t3a", "t4g"})
    if (family == burstable) return false;
  return family.substr(0, 3) != "mac";
}

}  // namespace weft
