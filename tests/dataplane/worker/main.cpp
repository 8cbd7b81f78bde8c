// DPDK starts once per process, without huge pages: what every tests binary of the engine is run in.
#include <gtest/gtest.h>

#include <cstdio>

#include "dataplane/worker/eal.hpp"
#include "tests/dataplane/worker/watched_pool.hpp"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  weft::EalOptions options;
  options.memory_mb = 160;
  options.huge_pages = false;
  auto eal = weft::Eal::start(options);
  if (!eal) {
    std::fprintf(stderr, "%s\n", eal.error().to_string().c_str());
    return 1;
  }
  weft::test::watch_pools();
  return RUN_ALL_TESTS();
}
