// ssh's command line, as launch agents write it: everything but host and command is taken and ignored.
#pragma once

#include <string>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft::cli {

struct SshArguments {
  std::string host;
  std::string command;      // joined with spaces, for a shell, as sshd does; empty: a login shell
  bool null_stdin = false;  // -n
};

Result<SshArguments> parse_ssh_arguments(const std::vector<std::string>& arguments);

}  // namespace weft::cli
