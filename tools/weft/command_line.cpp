#include "tools/weft/command_line.hpp"

#include <algorithm>

namespace weft::cli {

CommandLine split_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  if (arguments.empty()) return line;
  const std::string& name = arguments[0];
  if (name == "bench") {  // the benchmark's name is weft's, its options are its own
    const auto own = arguments.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(arguments.size(), 2));
    line.own.assign(arguments.begin(), own);
    line.command.assign(own, arguments.end());
    return line;
  }
  const bool all_command = name == "ssh" || name == "mpirun";
  if (!all_command && name != "exec" && name != "run") {
    line.own = arguments;
    return line;
  }
  std::size_t next = 1;
  line.own.push_back(name);
  if (all_command) {
    if (arguments.size() > 1 && (arguments[1] == "--help" || (arguments[1] == "-h" && arguments.size() == 2)))
      line.own.push_back(arguments[next++]);
  } else {
    while (next < arguments.size() && arguments[next].starts_with('-') && arguments[next] != "--")
      line.own.push_back(arguments[next++]);
    if (next < arguments.size() && arguments[next] != "--") line.own.push_back(arguments[next++]);
    if (next < arguments.size() && arguments[next] == "--") ++next;
  }
  line.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(next), arguments.end());
  return line;
}

}  // namespace weft::cli
