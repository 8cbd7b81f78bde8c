// The files behind the guests' /etc/hosts and /etc/resolv.conf.
#pragma once

#include "instances/holder.hpp"

namespace weft::holder {

/// Rewritten in place: a bind mount follows the file, not the name.
class HostsFile {
 public:
  static Result<HostsFile> create(const std::string& runtime_directory, const std::string& name);
  Result<void> rewrite(const HostList& hosts);
  const std::string& path() const { return path_; }

 private:
  HostsFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  UniqueFd file_;
};

/// Writes the instances' resolv.conf and returns its path. The machine's resolver cannot be reached from a VPC, so each
/// name that is not in /etc/hosts would cost ten seconds; this one says at once that there is no answer.
Result<std::string> write_resolver_file(const std::string& runtime_directory);

}  // namespace weft::holder
