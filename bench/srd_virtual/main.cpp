// What SRD makes of an incast, and of a lost packet, in virtual time: the transport (fabric/srd) over the emulated fabric
// (dataplane/underlay), both as they are, no process and no clock. So a row is the same on every machine.
//
//   ninja -C build bench/weft-bench-srd-virtual && build/bench/weft-bench-srd-virtual incast | recovery [--json]
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "bench/srd_virtual/incast.hpp"
#include "bench/srd_virtual/recovery.hpp"

int main(int count, char** arguments) {
  const std::string_view what = count > 1 ? arguments[1] : "";
  const bool json = count > 2 && std::string_view(arguments[2]) == "--json";
  if (what == "incast") weft::bench::print_incast(json);
  else if (what == "recovery") weft::bench::print_recovery(json);
  else {
    fmt::print(stderr, "usage: {} incast | recovery [--json]\n", arguments[0]);
    return 2;
  }
  return EXIT_SUCCESS;
}
