#include "dataplane/control/topology_file_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

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

// For keys, all that are allowed are worth naming: there are few.
std::string key_hint(const std::string& key, const std::vector<std::string>& keys) {
  std::string meant;
  if (auto other = kOtherWords.find(folded(key)); other != kOtherWords.end())
    for (const std::string& ours : other->second)
      if (meant.empty() && std::find(keys.begin(), keys.end(), ours) != keys.end()) meant = ours;
  if (meant.empty()) meant = nearest(key, keys);
  if (!meant.empty()) return fmt::format("did you mean {}?", in_quotes(meant));
  return fmt::format("the keys are {}", fmt::join(keys, ", "));
}

}  // namespace

Value::Value(File& file, YAML::Node node, std::string key, int line)
    : file_(&file), node_(std::move(node)), key_(std::move(key)), line_(line) {
  file_->lines.emplace(key_, line_);
}

void Value::refuse(std::string code, std::string message) const {
  throw Failure{{std::move(code), std::move(message), {file_->name, line_, key_}}};
}

std::string Value::kind() const {
  if (node_.IsSequence()) return "a list";
  if (node_.IsMap()) return "a mapping of keys";
  if (node_.IsNull()) return "nothing";
  return in_quotes(node_.Scalar());
}

std::string Value::text() const {
  if (!node_.IsScalar()) refuse("InvalidParameterValue", fmt::format("a text belongs here, not {}", kind()));
  if (node_.Scalar().empty())
    refuse("InvalidParameterValue", "the text is empty; give it a value or leave the key out");
  return node_.Scalar();
}

int Value::number(int least, int most) const {
  const std::string expected = fmt::format("a whole number from {} to {}", least, most);
  if (!node_.IsScalar()) refuse("InvalidParameterValue", fmt::format("{} belongs here, not {}", expected, kind()));
  const std::string& digits = node_.Scalar();
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty() || value < least || value > most)
    refuse("InvalidParameterValue", fmt::format("{} is not {}", in_quotes(digits), expected));
  return value;
}

bool Value::truth() const {
  bool value = false;
  if (!node_.IsScalar() || !YAML::convert<bool>::decode(node_, value))
    refuse("InvalidParameterValue", fmt::format("true or false belongs here, not {}", kind()));
  return value;
}

std::vector<Value> Value::list(std::string_view of) const {
  if (!node_.IsSequence())
    refuse("InvalidParameterValue", fmt::format("a list of {} belongs here, not {}", of, kind()));
  std::vector<Value> values;
  for (std::size_t i = 0; i < node_.size(); ++i) {
    const YAML::Node item = node_[i];
    values.emplace_back(*file_, item, fmt::format("{}[{}]", key_, i),
                        item.Mark().is_null() ? line_ : item.Mark().line + 1);
  }
  return values;
}

Section Value::section(std::string_view what, const std::vector<std::string>& keys) const {
  if (!node_.IsMap())
    refuse("InvalidParameterValue",
           fmt::format("{} belongs here, with the keys {}; not {}", what, fmt::join(keys, ", "), kind()));
  std::map<std::string, Value> values;
  for (const auto& entry : node_) {
    const YAML::Node& key_node = entry.first;
    const int line = key_node.Mark().is_null() ? line_ : key_node.Mark().line + 1;
    const std::string name = key_node.IsScalar() ? key_node.Scalar() : "";
    const std::string path = key_.empty() ? name : key_ + "." + name;
    auto refuse_here = [&](const char* code, std::string message) {
      throw Failure{{code, std::move(message), {file_->name, line, path}}};
    };
    if (!key_node.IsScalar()) refuse_here("UnknownParameter", fmt::format("a key of {} must be a plain word", what));
    if (std::find(keys.begin(), keys.end(), name) == keys.end())
      refuse_here("UnknownParameter", fmt::format("{} has no key {}; {}", what, in_quotes(name), key_hint(name, keys)));
    if (auto before = values.find(name); before != values.end())
      refuse_here("InvalidParameterCombination", fmt::format("the key {} is here twice, first in line {}; keep one",
                                                             in_quotes(name), before->second.line()));
    values.emplace(name, Value(*file_, entry.second, path, line));
  }
  return Section(*this, std::string(what), std::move(values));
}

const Value* Section::find(const std::string& key) const {
  auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

const Value& Section::required(const std::string& key, std::string_view example) const {
  if (const Value* value = find(key)) return *value;
  self_.refuse("MissingParameter", fmt::format("{} needs the key '{}', such as {}", what_, key, example));
}

std::string Section::text_or(const std::string& key, const std::string& otherwise) const {
  const Value* value = find(key);
  return value == nullptr ? otherwise : value->text();
}

}  // namespace weft::topology_file
