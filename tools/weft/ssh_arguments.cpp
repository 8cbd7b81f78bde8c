#include "tools/weft/ssh_arguments.hpp"

#include <fmt/format.h>

namespace weft::cli {
namespace {

// ssh(1), OpenSSH 9.2: options with a value, and those without.
constexpr std::string_view kWithValue = "BbcDEeFIiJLlmOopQRSWw";
constexpr std::string_view kFlags = "46AaCfGgKkMNnqsTtVvXxYy";

}  // namespace

Result<SshArguments> parse_ssh_arguments(const std::vector<std::string>& arguments) {
  SshArguments parsed;
  std::size_t next = 0;
  // Like ssh, options may come before and after the host.
  for (; next < arguments.size(); ++next) {
    const std::string& word = arguments[next];
    if (word == "--") {
      ++next;
      if (!parsed.host.empty() || next == arguments.size()) break;
      parsed.host = arguments[next++];
      break;
    }
    if (word.size() < 2 || word[0] != '-') {
      if (!parsed.host.empty()) break;
      parsed.host = word;
      continue;
    }
    for (std::size_t i = 1; i < word.size(); ++i) {
      if (kWithValue.find(word[i]) != std::string_view::npos) {
        if (i + 1 == word.size() && ++next == arguments.size())
          return Error{"MissingParameter", fmt::format("ssh option -{} needs a value", word[i]), {}};
        break;  // the rest of the word, or the next one, is its value
      }
      if (kFlags.find(word[i]) == std::string_view::npos)
        return Error{"InvalidParameterValue", fmt::format("ssh has no option -{}", word[i]), {}};
      if (word[i] == 'n') parsed.null_stdin = true;
    }
  }
  if (const std::size_t at = parsed.host.rfind('@'); at != std::string::npos) parsed.host.erase(0, at + 1);
  if (parsed.host.empty())
    return Error{"MissingParameter", "say which instance: weft ssh [ssh options] INSTANCE [COMMAND]", {}};
  for (; next < arguments.size(); ++next) parsed.command += (parsed.command.empty() ? "" : " ") + arguments[next];
  return parsed;
}

}  // namespace weft::cli
