// The file that every instance sees as its /etc/hosts. Rewritten in place: a bind mount follows the file, not the name.
#pragma once

#include <utility>

#include "instances/holder.hpp"

namespace weft::holder {

using HostList = std::vector<std::pair<std::string, std::string>>;  // name, address

class HostsFile {
 public:
  static Result<HostsFile> create(const std::string& runtime_directory);
  Result<void> rewrite(const HostList& hosts);
  const std::string& path() const { return path_; }

 private:
  HostsFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  UniqueFd file_;
};

}  // namespace weft::holder
