#include <gtest/gtest.h>

#include <cstdio>

#include "dataplane/worker/eal.hpp"
#include "tests/drivers/tap/namespace_guest.hpp"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::string why;
  if (!weft::test::may_make_guests(why)) {
    std::printf("skipped: %s\n", why.c_str());
    return 77;  // meson: skipped
  }
  weft::EalOptions options;
  options.huge_pages = false;
  auto eal = weft::Eal::start(options);
  if (!eal) {
    std::fprintf(stderr, "%s\n", eal.error().to_string().c_str());
    return 1;
  }
  return RUN_ALL_TESTS();
}
