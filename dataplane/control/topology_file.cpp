#include "dataplane/control/topology_file.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "dataplane/control/topology_file_reader.hpp"
#include "dataplane/control/topology_file_rules.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft {
namespace topology_file {
namespace {

constexpr const char* kDefaultZone = "use1-az1";
constexpr int kMostCount = 5000;

VpcDeclaration read_vpc(const Value& value) {
  const Section section = value.section("vpc", {"cidr"});
  return {read_cidr(section.required("cidr", "cidr: 10.0.0.0/16")), section.line()};
}

SubnetDeclaration read_subnet(const Value& value) {
  const Section section = value.section("a subnet", {"name", "cidr", "az"});
  return {section.required("name", "name: hpc").text(), read_cidr(section.required("cidr", "cidr: 10.0.1.0/24")),
          section.text_or("az", kDefaultZone), section.line()};
}

std::vector<RuleDeclaration> read_rules(const Value& list, const std::string& own_group) {
  std::vector<RuleDeclaration> rules;
  for (const Value& item : list.list("rules")) rules.push_back(read_rule(item, own_group));
  return rules;
}

SecurityGroupDeclaration read_security_group(const Value& value) {
  const Section section = value.section("a security group", {"name", "description", "ingress", "egress"});
  SecurityGroupDeclaration group;
  group.line = section.line();
  group.name = section.required("name", "name: web").text();
  group.description = section.text_or("description", "");
  RuleDeclaration rule;
  rule.line = group.line;
  if (const Value* rules = section.find("ingress")) {
    group.ingress = read_rules(*rules, group.name);
  } else if (group.name == "default") {  // only `default` starts with a rule: all from itself (facts ec2 2.1)
    rule.peer = GroupReference{group.name};
    group.ingress = {rule};
  }
  if (const Value* rules = section.find("egress")) {
    group.egress = read_rules(*rules, group.name);
  } else {  // EC2's default: all IPv4 (facts ec2 2.1)
    rule.peer = IpPrefix::make(IpAddress::from(Ipv4Address{0}), 96);
    group.egress = {rule};
  }
  return group;
}

PlacementGroupDeclaration read_placement_group(const Value& value) {
  const Section section = value.section("a placement group", {"name", "strategy"});
  PlacementGroupDeclaration group;
  group.line = section.line();
  group.name = section.required("name", "name: tight").text();
  const Value* strategy = section.find("strategy");
  const std::string word = strategy == nullptr ? "cluster" : strategy->text();
  if (word == "cluster")
    group.strategy = PlacementStrategy::kCluster;
  else if (word == "spread")
    group.strategy = PlacementStrategy::kSpread;
  else if (word == "partition")
    group.strategy = PlacementStrategy::kPartition;
  else
    strategy->refuse("InvalidParameterValue", fmt::format("{} is no strategy{}", in_quotes(word),
                                                          hint(word, {"cluster", "spread", "partition"})));
  return group;
}

/// The subnet that is meant when none is named: the only one.
std::string read_subnet_name(const Section& section, const std::vector<SubnetDeclaration>& subnets) {
  if (!section.has("subnet") && subnets.size() == 1) return subnets[0].name;
  return section.required("subnet", subnets.empty() ? "subnet: hpc" : "subnet: " + subnets[0].name).text();
}

InterfaceDeclaration read_interface(const Value& value, const std::vector<SubnetDeclaration>& subnets) {
  const Section section =
      value.section("an interface", {"subnet", "type", "security_groups", "private_ip", "source_dest_check"});
  InterfaceDeclaration interface;
  interface.line = section.line();
  interface.subnet = read_subnet_name(section, subnets);
  if (const Value* type = section.find("type")) {
    const std::string word = type->text();
    if (word == "efa")
      interface.type = InterfaceType::kEfa;
    else if (word != "interface")
      type->refuse("InvalidParameterValue",
                   fmt::format("{} is no interface type{}", in_quotes(word), hint(word, {"interface", "efa"})));
  }
  if (const Value* groups = section.find("security_groups"))
    for (const Value& group : groups->list("security group names")) interface.security_groups.push_back(group.text());
  if (const Value* ip = section.find("private_ip")) {
    interface.private_ip = Ipv4Address::parse(ip->text());
    if (!interface.private_ip)
      ip->refuse("InvalidParameterValue",
                 fmt::format("{} is no IPv4 address; write one as 10.0.1.20", in_quotes(ip->text())));
  }
  if (const Value* check = section.find("source_dest_check")) interface.source_dest_check = check->truth();
  return interface;
}

InstanceDeclaration read_instance(const Value& value, const std::vector<SubnetDeclaration>& subnets) {
  const Section section = value.section("an instance", {"name", "count", "type", "placement_group", "interfaces"});
  InstanceDeclaration instance;
  instance.line = section.line();
  instance.name = section.required("name", "name: node").text();
  if (const Value* count = section.find("count")) {
    instance.count = count->number(1, kMostCount);
    instance.counted = true;
  }
  instance.type = section.text_or("type", "");
  instance.placement_group = section.text_or("placement_group", "");
  for (const Value& item : section.required("interfaces", "interfaces: [{subnet: hpc}]").list("interfaces"))
    instance.interfaces.push_back(read_interface(item, subnets));
  return instance;
}

template <typename T, typename Read>
void read_list(const Section& section, const std::string& key, std::string_view of, std::vector<T>& into, Read read) {
  if (const Value* list = section.find(key))
    for (const Value& item : list->list(of)) into.push_back(read(item));
}

/// Notes where documents begin and builds nothing.
class DocumentStarts : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { line = mark.line + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  int line = 0;
};

// YAML::LoadAll would do, but it never ends on a text that begins with ',' (yaml-cpp 0.7): Load reads the first
// document only, and one more step tells whether another follows.
YAML::Node only_document(const std::string& text, const std::string& file) {
  const YAML::Node document = YAML::Load(text);
  if (document.IsNull()) throw Failure{{"MissingParameter", "the file is empty; begin with version: 1", {file, 1, ""}}};
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  parser.HandleNextDocument(starts);
  if (parser.HandleNextDocument(starts))
    throw Failure{{"InvalidParameterValue",
                   "the topology ends before this line and more follows; it must be one YAML document, without ---",
                   {file, starts.line, ""}}};
  return document;
}

Topology read(const std::string& text, const std::string& file_name) {
  if (text.size() > kLargestTopology)
    throw Failure{{"InvalidParameterValue",
                   fmt::format("the file has {} bytes; a topology has at most {}", text.size(), kLargestTopology),
                   {file_name, 0, ""}}};
  Value::File file{file_name, {}};
  const Value all(file, only_document(text, file_name), "", 1);
  const Section section =
      all.section("a topology", {"version", "vpc", "subnets", "security_groups", "placement_groups", "instances"});
  Topology topology;
  topology.file = file_name;
  const Value& version = section.required("version", "version: 1");
  topology.version = version.number(0, 1'000'000);
  if (topology.version != 1)
    version.refuse("InvalidParameterValue",
                   fmt::format("version {} is not known to this weft; it reads version 1", topology.version));
  topology.vpc = read_vpc(section.required("vpc", "vpc: {cidr: 10.0.0.0/16}"));
  read_list(section, "subnets", "subnets", topology.subnets, read_subnet);
  read_list(section, "security_groups", "security groups", topology.security_groups, read_security_group);
  read_list(section, "placement_groups", "placement groups", topology.placement_groups, read_placement_group);
  read_list(section, "instances", "instances", topology.instances,
            [&](const Value& value) { return read_instance(value, topology.subnets); });
  topology.lines = std::move(file.lines);
  return topology;
}

}  // namespace
}  // namespace topology_file

Result<Topology> parse_topology(const std::string& text, const std::string& file_name) {
  try {
    return topology_file::read(text, file_name);
  } catch (const topology_file::Failure& failure) {
    return failure.error;
  } catch (const YAML::Exception& broken) {
    const int line = broken.mark.is_null() ? 0 : broken.mark.line + 1;
    return Error{"Weft.InvalidYaml", "this is not YAML: " + broken.msg, {file_name, line, ""}};
  } catch (const std::exception& other) {  // yaml-cpp's own limits, memory
    return Error{"Weft.InvalidYaml", std::string("the file cannot be read: ") + other.what(), {file_name, 0, ""}};
  }
}

Result<std::string> read_topology_text(const std::string& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string text(kLargestTopology + 1, '\0');
  if (stream) stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.eof() && stream.fail())
    return Error{"Weft.FileNotReadable",
                 fmt::format("cannot read the topology file: {}", std::strerror(errno != 0 ? errno : EIO)),
                 {path, 0, ""}};
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

Result<Topology> load_topology(const std::string& path) {
  Result<std::string> text = read_topology_text(path);
  if (!text) return text.error();
  return parse_topology(*text, path);
}

}  // namespace weft
