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

/// In place too. Until it is told better, and with no server, it names one that nobody runs, and the kernel says so without
/// delay: the machine's resolver cannot be reached from a VPC, so each name that is not in /etc/hosts would cost ten
/// seconds.
class ResolverFile {
 public:
  static Result<ResolverFile> create(const std::string& runtime_directory, const std::string& name);
  Result<void> rewrite(const ResolverSettings& settings);
  const std::string& path() const { return path_; }

 private:
  ResolverFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  UniqueFd file_;
};

}  // namespace weft::holder
