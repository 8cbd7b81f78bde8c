#include "tests/dataplane/worker/watched_pool.hpp"
#include "tests/run_with_eal.hpp"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  weft::EalOptions options;
  options.memory_mb = 160;
  return weft::test::run_with_eal(options, weft::test::watch_pools);
}
