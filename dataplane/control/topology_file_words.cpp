#include "dataplane/control/topology_file_words.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "dataplane/model/suggest.hpp"

namespace weft::topology_file {
namespace {

// What people who know EC2's API, Terraform or CloudFormation write first, and our word for it.
const std::map<std::string, std::vector<std::string>> kOtherWords = {
    {"cidrblock", {"cidr"}},
    {"cidrip", {"cidr"}},
    {"ipranges", {"cidr"}},
    {"cidrblocks", {"cidr"}},
    {"source", {"cidr"}},
    {"destination", {"cidr"}},
    {"destinationcidrblock", {"destination"}},
    {"destinationipv6cidrblock", {"destination"}},
    {"gatewayid", {"target"}},
    {"gateway", {"target", "internet_gateway"}},
    {"igw", {"internet_gateway"}},
    {"networkinterfaceid", {"interface"}},
    {"networkinterface", {"interface", "network_interfaces"}},
    {"eni", {"interface", "network_interfaces"}},
    {"routetableid", {"route_table"}},
    {"networkaclid", {"network_acl"}},
    {"nacl", {"network_acl", "network_acls"}},
    {"nacls", {"network_acls"}},
    {"acls", {"network_acls"}},
    {"rulenumber", {"rule"}},
    {"ruleno", {"rule"}},
    {"ruleaction", {"action"}},
    {"ipv6cidrblock", {"ipv6_cidr"}},
    {"enablednssupport", {"dns_support"}},
    {"dhcpoptions", {"dhcp"}},
    {"dns", {"domain_name_servers", "dns_support"}},
    {"prefixlistid", {"prefix_list"}},
    {"prefixlistids", {"prefix_list"}},
    {"addresses", {"entries", "ipv6_addresses", "address"}},
    {"cidrs", {"entries"}},
    {"maximumentries", {"max_entries"}},
    {"eips", {"elastic_ips"}},
    {"addresspool", {"public_pool"}},
    {"publicip", {"address"}},
    {"privateips", {"secondary_private_ips"}},
    {"secondaryips", {"secondary_private_ips"}},
    {"secondaryprivateipaddresses", {"secondary_private_ips"}},
    {"secondaryprivateipaddresscount", {"secondary_private_ips"}},
    {"ipv6addresscount", {"ipv6_addresses"}},
    {"ipv4prefixcount", {"ipv4_prefixes"}},
    {"ipv6prefixcount", {"ipv6_prefixes"}},
    {"associatepublicipaddress", {"associate_public_ip"}},
    {"connectiontrackingspecification", {"connection_tracking"}},
    {"connectiontrackingconfiguration", {"connection_tracking"}},
    {"enasrdenabled", {"ena_srd"}},
    {"enasrdspecification", {"ena_srd"}},
    {"enaexpress", {"ena_srd"}},
    {"enasrdudpenabled", {"ena_srd_udp"}},
    {"fragbypass", {"enable_frag_bypass"}},
    {"networkcardindex", {"network_card"}},
    {"partitionnumber", {"partition"}},
    {"partitions", {"partition_count"}},
    {"availabilityzone", {"az"}},
    {"availabilityzoneid", {"az"}},
    {"zone", {"az"}},
    {"ipprotocol", {"protocol"}},
    {"proto", {"protocol"}},
    {"fromport", {"from"}},
    {"toport", {"to"}},
    {"portrange", {"ports"}},
    {"icmptype", {"type"}},
    {"icmpcode", {"code"}},
    {"groupname", {"name", "group"}},
    {"groupid", {"group", "name"}},
    {"sourcegroup", {"group"}},
    {"securitygroup", {"security_groups", "group"}},
    {"securitygroupids", {"security_groups"}},
    {"groups", {"security_groups"}},
    {"groupset", {"security_groups"}},
    {"instancetype", {"type"}},
    {"interfacetype", {"type"}},
    {"subnetid", {"subnet"}},
    {"privateipaddress", {"private_ip"}},
    {"ip", {"private_ip"}},
    {"address", {"private_ip"}},
    {"ipaddress", {"private_ip", "address"}},
    {"ippermissions", {"ingress"}},
    {"inbound", {"ingress"}},
    {"ippermissionsegress", {"egress"}},
    {"outbound", {"egress"}},
    {"networkinterfaces", {"interfaces"}},
    {"nics", {"interfaces"}},
    {"enis", {"interfaces"}},
    {"groupdescription", {"description"}},
    {"placement", {"placement_group"}},
    {"vpcs", {"vpc"}},
    {"sourcedestcheck", {"source_dest_check"}},
    {"mincount", {"count"}},
};

std::string folded(const std::string& text) {
  std::string result;
  for (unsigned char c : text)
    if (c != '-' && c != '_') result += static_cast<char>(std::tolower(c));
  return result;
}

}  // namespace

std::string meant_key(const std::string& key, const std::vector<std::string>& keys) {
  if (auto other = kOtherWords.find(folded(key)); other != kOtherWords.end())
    for (const std::string& ours : other->second)
      if (std::find(keys.begin(), keys.end(), ours) != keys.end()) return ours;
  return nearest(key, keys);
}

}  // namespace weft::topology_file
