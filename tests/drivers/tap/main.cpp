#include <cstdio>

#include "tests/drivers/tap/namespace_guest.hpp"
#include "tests/run_with_eal.hpp"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::string why;
  if (!weft::test::may_make_guests(why)) {
    std::printf("skipped: %s\n", why.c_str());
    return 77;  // meson: skipped
  }
  return weft::test::run_with_eal();
}
