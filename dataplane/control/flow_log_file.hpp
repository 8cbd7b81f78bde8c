// The file of one flow log: whole lines, appended. It is opened anew each time, so another program may rotate it away, and
// what is there instead of it is noticed.
//
// Thread: one at a time.
#pragma once

#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/model/result.hpp"

namespace weft {

/// "DESTINATION/123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0.log": AWS's name without its time, for it grows.
std::string flow_log_path(const FlowLog& log);

class FlowLogFile {
 public:
  /// `header`: the names of the fields, written into a file that is empty.
  FlowLogFile(std::string path, std::string header) : path_(std::move(path)), header_(std::move(header)) {}

  const std::string& path() const { return path_; }
  /// Makes the directory and the file. LogDestinationPermissionIssue, LogDestinationNotFound.
  Result<void> prepare() const;
  /// All of the lines, or none: what a full disk cut off is taken back.
  Result<void> append(const std::vector<std::string>& lines) const;

 private:
  std::string path_;
  std::string header_;
};

}  // namespace weft
