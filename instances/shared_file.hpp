// The files behind the guests' /etc/hosts and /etc/resolv.conf, and what stands in them.
#pragma once

#include "instances/holder.hpp"

namespace weft::holder {

/// One file that many instances see. Rewritten in place: a bind mount follows the file, not the name.
class SharedFile {
 public:
  /// Made, or emptied of what an earlier holder left, with `text` in it.
  static Result<SharedFile> create(const std::string& runtime_directory, const std::string& name,
                                   const std::string& text);
  Result<void> rewrite(const std::string& text);
  const std::string& path() const { return path_; }

 private:
  SharedFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  UniqueFd file_;
};

/// /etc/hosts: localhost and these. Refuses what is no host name or no address.
Result<std::string> hosts_text(const HostList& hosts);

/// /etc/resolv.conf. Until it is told better, and with no server, it names one that nobody runs, and the kernel says so
/// without delay: the machine's resolver cannot be reached from a VPC, so each name that is not in /etc/hosts would cost
/// ten seconds.
Result<std::string> resolver_text(const ResolverSettings& settings);

}  // namespace weft::holder
