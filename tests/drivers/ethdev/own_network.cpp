// A network namespace of the test's own, before anything else starts: interfaces that it makes are seen by nobody, and go
// with it.
#include <gtest/gtest.h>

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dataplane/worker/eal.hpp"
#include "tests/sanitized.hpp"

#ifdef WEFT_SANITIZED
/// libxdp 1.3 keeps 80 bytes of each program that it has looked at.
extern "C" const char* __lsan_default_suppressions() { return "leak:libxdp.so"; }
#endif

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNET) != 0) {
    std::printf("skipped: interfaces of the kernel need root and a network namespace: %s\n",
                ::geteuid() != 0 ? "not root" : std::strerror(errno));
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
