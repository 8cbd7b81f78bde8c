// What a test program whose tests need DPDK does in main(): EAL starts once for a process, here without huge pages.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>

#include "dataplane/worker/eal.hpp"

namespace weft::test {

/// The exit code. `before` is called when EAL has started.
inline int run_with_eal(EalOptions options = {}, void (*before)() = nullptr) {
  options.huge_pages = false;
  const auto eal = Eal::start(options);
  if (!eal) {
    std::fprintf(stderr, "%s\n", eal.error().to_string().c_str());
    return 1;
  }
  if (before) before();
  return RUN_ALL_TESTS();
}

}  // namespace weft::test
