#include <cstdio>
#include <exception>

#include "tools/weftd/daemon.hpp"
#include "tools/weftd/options.hpp"

int main(int argc, char** argv) try {
  weft::ParsedOptions parsed = weft::parse_options(argc, argv);
  return parsed.run ? weft::run_daemon(parsed.options) : parsed.exit_code;
} catch (const std::exception& e) {
  std::fprintf(stderr, "weftd: %s\n", e.what());
  return 1;
}
