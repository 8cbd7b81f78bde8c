// A network namespace of the test's own, before anything else starts: interfaces that it makes are seen by nobody, and go
// with it.
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tests/run_with_eal.hpp"
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
  return weft::test::run_with_eal();
}
