#include "dataplane/control/topology_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "dataplane/control/topology_file_parts.hpp"
#include "dataplane/control/topology_file_reader.hpp"

namespace weft {
namespace topology_file {
namespace {

template <typename T, typename Read>
void read_list(const Section& section, const std::string& key, std::string_view of, std::vector<T>& into, Read read) {
  section.read(key, [&](const Value& list) { list.each(of, [&](const Value& item) { into.push_back(read(item)); }); });
}

void read_version(const Section& section, int& version) {
  const Value& value = section.required("version", "version: 1");
  version = value.number(0, 1'000'000);
  if (version != 1)  // of another format nothing else would be right
    throw Hopeless{{"InvalidParameterValue",
                    fmt::format("version {} is not known to this weft; it reads version 1", version),
                    {value.file_name(), value.line(), value.key()}}};
}

void read_topology(const Value& all, Topology& topology) {
  const Section section = all.section(
      "a topology",
      {"version", "vpc", "subnets", "security_groups", "placement_groups", "instances", "network_interfaces",
       "internet_gateway", "elastic_ips", "flow_logs", "route_tables", "network_acls", "prefix_lists", "hosts",
       "parameters", "fabric", "faults"});
  all.attempt([&] { read_version(section, topology.version); });
  section.read_required("vpc", "vpc: {cidr: 10.0.0.0/16}", [&](const Value& vpc) { topology.vpc = read_vpc(vpc); });
  section.read("hosts", [&](const Value& hosts) { topology.hosts = read_hosts(hosts); });
  section.read("parameters", [&](const Value& parameters) { topology.parameters = read_parameters(parameters); });
  section.read("internet_gateway",
               [&](const Value& gateway) { topology.internet_gateway = read_internet_gateway(gateway); });
  read_list(section, "prefix_lists", "prefix lists", topology.prefix_lists, read_prefix_list);
  read_list(section, "route_tables", "route tables", topology.route_tables, read_route_table);
  read_list(section, "network_acls", "network ACLs", topology.network_acls, read_network_acl);
  read_list(section, "subnets", "subnets", topology.subnets, read_subnet);
  read_list(section, "security_groups", "security groups", topology.security_groups, [&](const Value& value) {
    return read_security_group(value, topology.vpc.ipv6_cidr.has_value());
  });
  read_list(section, "placement_groups", "placement groups", topology.placement_groups, read_placement_group);
  read_list(section, "instances", "instances", topology.instances,
            [&](const Value& value) { return read_instance(value, topology.subnets); });
  read_list(section, "network_interfaces", "network interfaces", topology.network_interfaces,
            [&](const Value& value) { return read_network_interface(value, topology.subnets); });
  read_list(section, "elastic_ips", "Elastic IPs", topology.elastic_ips, read_elastic_ip);
  read_list(section, "flow_logs", "flow logs", topology.flow_logs, read_flow_log);
  section.read("fabric", [&](const Value& fabric) { topology.fabric = read_fabric(fabric); });
  read_list(section, "faults", "faults", topology.faults, read_fault);
}

Result<Topology> read(const std::string& text, const std::string& file_name) {
  if (text.size() > kLargestTopology)
    throw Hopeless{{"InvalidParameterValue",
                   fmt::format("the file has {} bytes; a topology has at most {}", text.size(), kLargestTopology),
                   {file_name, 0, ""}}};
  Value::File file{file_name};
  Topology topology;
  topology.file = file_name;
  Result<YamlDocument> document = YamlDocument::parse(text, file_name);
  if (!document) throw Hopeless{document.error()};
  if (document->root().is_null())
    throw Hopeless{{"MissingParameter", "the file is empty; begin with version: 1", {file_name, 1, ""}}};
  const Value all(file, document->root(), "", 1);
  all.attempt([&] { read_topology(all, topology); });
  if (!file.errors.empty()) return std::move(file.errors).joined();
  topology.lines = std::move(file.lines);
  return topology;
}

Result<underlay::Fault> read_one_fault(const std::string& text) {
  Value::File file{""};
  Result<YamlDocument> document = YamlDocument::parse(text, "");
  if (!document) return document.error();
  underlay::Fault fault;
  const Value all(file, document->root(), "", 0);
  all.attempt([&] { fault = read_set_fault(all); });
  if (file.errors.empty()) return fault;
  Error error = std::move(file.errors).joined();
  error.where.line = 0;  // of a request, which has one line
  for (Error& other : error.others) other.where.line = 0;
  return error;
}

}  // namespace
}  // namespace topology_file

Result<Topology> parse_topology(const std::string& text, const std::string& file_name) {
  try {
    return topology_file::read(text, file_name);
  } catch (const topology_file::Hopeless& failure) {
    return failure.error;
  } catch (const std::exception& other) {  // memory
    return Error{"Weft.InvalidYaml", std::string("the file cannot be read: ") + other.what(), {file_name, 0, ""}};
  }
}

Result<underlay::Fault> parse_fault(const std::string& text) try {
  return topology_file::read_one_fault(text);
} catch (const std::exception& other) {  // memory
  return Error{"InternalError", std::string("the fault cannot be read: ") + other.what(), {}};
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
