// Where weft's own words end and those of the command it starts begin.
#pragma once

#include <string>
#include <vector>

namespace weft::cli {

struct CommandLine {
  std::vector<std::string> own;      // for CLI11, without argv[0]
  std::vector<std::string> command;  // for the program that is started
};

/// exec, run: own flags, one word (instance or file), then the command, with or without "--" before it.
/// ssh, mpirun: everything is the command's, but for --help as the first word. Any other: everything is weft's.
CommandLine split_command_line(const std::vector<std::string>& arguments);

}  // namespace weft::cli
