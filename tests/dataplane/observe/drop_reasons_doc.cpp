// Prints docs/drop-reasons.md from the table; with a file's name, says whether that file is what it would print.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "dataplane/observe/drop_reason.hpp"

int main(int argc, char** argv) {
  std::string text =
      "# Drop reasons\n\n"
      "Every packet that Weft does not deliver has one of these reasons. `weft stats` counts them by interface,\n"
      "`weft flows --drops` shows the last ones, and `weft explain` gives the rule behind a group's refusal.\n\n"
      "This file is generated from `dataplane/observe/drop_reason.hpp`; a test compares them. To write it anew:\n"
      "`ninja -C build tests/dataplane/observe/drop_reasons_doc && "
      "build/tests/dataplane/observe/drop_reasons_doc > docs/drop-reasons.md`.\n\n"
      "| reason | meaning |\n|---|---|\n";
  for (std::size_t i = 0; i < weft::kDropReasons; ++i)
    text += "| `" + std::string(weft::kDropNames[i]) + "` | " + std::string(weft::kDropSentences[i]) + " |\n";
  if (argc == 1) {
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  std::ifstream file(argv[1]);
  const std::string have{std::istreambuf_iterator<char>(file), {}};
  if (have == text) return 0;
  std::fprintf(stderr, "%s is not what the table says; it tells how to write it anew\n", argv[1]);
  return 1;
}
