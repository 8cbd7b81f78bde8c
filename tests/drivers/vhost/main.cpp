#include <gtest/gtest.h>

#include <cstdio>

#include "dataplane/worker/eal.hpp"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  weft::EalOptions options;
  options.huge_pages = false;
  auto eal = weft::Eal::start(options);
  if (!eal) {
    std::fprintf(stderr, "%s\n", eal.error().to_string().c_str());
    return 1;
  }
  return RUN_ALL_TESTS();
}
