#include "dataplane/model/instance_types.hpp"

#include <algorithm>
#include <array>

namespace weft {
namespace {

// Facts ec2 1.5, a dump of DescribeInstanceTypes. Its bandwidth is of card 0; a type with several cards has what EC2
// advertises for all of them. In the order of InstanceType's members.
// clang-format off
constexpr std::array kTypes = {
    InstanceType{"t2.micro", 1, 0.064, 1.024, 1, 2, 2, 2, 0, 1, false, 432000, false, false},
    InstanceType{"t3.nano", 2, 0.032, 5, 1, 2, 2, 2, 0, 2, false, 432000, false, false},
    InstanceType{"t3.micro", 2, 0.064, 5, 1, 2, 2, 2, 0, 2, false, 432000, false, false},
    InstanceType{"t3.medium", 2, 0.256, 5, 1, 3, 3, 6, 0, 2, false, 432000, false, false},
    InstanceType{"t3.xlarge", 4, 1.024, 5, 1, 4, 4, 15, 0, 4, false, 432000, false, false},
    InstanceType{"m5.large", 2, 0.75, 10, 1, 3, 3, 10, 0, 8, false, 432000, false, false},
    InstanceType{"m5.xlarge", 4, 1.25, 10, 1, 4, 4, 15, 0, 8, false, 432000, false, false},
    InstanceType{"m5.4xlarge", 16, 5, 10, 1, 8, 8, 30, 0, 8, false, 432000, false, false},
    InstanceType{"m5.8xlarge", 32, 10, 10, 1, 8, 8, 30, 0, 8, false, 432000, false, false},
    InstanceType{"m5.24xlarge", 96, 25, 25, 1, 15, 15, 50, 0, 8, false, 432000, false, false},
    InstanceType{"c5n.large", 2, 3, 25, 1, 3, 3, 10, 0, 8, false, 432000, false, false},
    InstanceType{"c5n.9xlarge", 36, 50, 50, 1, 8, 8, 30, 1, 32, false, 432000, false, false},
    InstanceType{"c5n.18xlarge", 72, 100, 100, 1, 15, 15, 50, 1, 32, false, 432000, false, false},
    InstanceType{"c6gn.16xlarge", 64, 100, 100, 1, 15, 15, 50, 1, 32, true, 432000, true, true},
    InstanceType{"c7g.16xlarge", 64, 30, 30, 1, 15, 15, 50, 1, 8, true, 432000, true, true},
    InstanceType{"c7gn.16xlarge", 64, 200, 200, 1, 15, 15, 50, 1, 32, true, 432000, true, false},
    InstanceType{"m6i.32xlarge", 128, 50, 50, 1, 15, 15, 50, 1, 8, true, 432000, true, true},
    InstanceType{"m6in.32xlarge", 128, 200, 200, 2, 16, 8, 50, 2, 32, true, 432000, true, true},
    InstanceType{"hpc6a.48xlarge", 96, 100, 100, 1, 2, 2, 50, 1, 8, false, 432000, true, true},
    InstanceType{"hpc6id.32xlarge", 64, 200, 200, 2, 2, 1, 50, 2, 8, false, 432000, true, true},
    InstanceType{"hpc7g.4xlarge", 16, 200, 200, 1, 4, 4, 50, 1, 16, false, 432000, true, false},
    InstanceType{"hpc7g.16xlarge", 64, 200, 200, 1, 4, 4, 50, 1, 32, false, 432000, true, false},
    InstanceType{"hpc7a.12xlarge", 24, 300, 300, 2, 4, 2, 50, 2, 16, false, 432000, true, false},
    InstanceType{"hpc7a.96xlarge", 192, 300, 300, 2, 4, 2, 50, 2, 16, false, 432000, true, false},
    InstanceType{"hpc8a.96xlarge", 192, 300, 300, 2, 4, 2, 50, 2, 32, false, 350, true, true},
    InstanceType{"p3dn.24xlarge", 96, 100, 100, 1, 15, 15, 50, 1, 32, false, 432000, false, false},
    InstanceType{"p4d.24xlarge", 96, 400, 400, 4, 60, 15, 50, 4, 32, false, 432000, true, false},
    InstanceType{"p5.4xlarge", 16, 100, 100, 1, 4, 4, 30, 1, 16, true, 432000, true, true},
    InstanceType{"p5.48xlarge", 192, 3200, 3200, 32, 64, 2, 50, 32, 32, true, 432000, true, true},
    InstanceType{"p5en.48xlarge", 192, 3200, 3200, 16, 64, 4, 50, 16, 32, true, 432000, true, true},
    InstanceType{"p6-b200.48xlarge", 192, 3200, 3200, 8, 32, 4, 50, 8, 32, true, 350, true, true},
    InstanceType{"p6-b300.48xlarge", 192, 6400, 6400, 17, 68, 4, 50, 16, 32, true, 350, true, true},
    InstanceType{"trn1.32xlarge", 128, 800, 800, 8, 40, 5, 50, 8, 32, false, 432000, true, true},
    InstanceType{"trn2.48xlarge", 192, 3200, 3200, 16, 32, 2, 50, 16, 32, false, 432000, true, true},
    InstanceType{"c8gn.48xlarge", 192, 600, 600, 2, 24, 12, 50, 2, 32, true, 350, true, true},
    InstanceType{"m8a.48xlarge", 192, 75, 75, 1, 24, 24, 64, 1, 32, true, 350, true, true},
};
// clang-format on

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
  for (std::string_view refused : {"t1", "t2", "t3", "t3a", "t4g", "m1", "m2", "m3", "c1"})
    if (family == refused) return false;
  return family.substr(0, 3) != "mac" && !family.ends_with("-flex");
}

}  // namespace weft
