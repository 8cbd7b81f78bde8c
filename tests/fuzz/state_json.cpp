// The state that a later daemon gets back: refused with a sentence, or read, and then written and read once more it is
// the same.
#include <cstdint>
#include <string>

#include "dataplane/control/state.hpp"
#include "tests/fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft;
  const Result<Deployment> deployment = deployment_of_state(std::string(data, data + size));
  if (!deployment) {
    FUZZ_CHECK(!deployment.error().code.empty() && !deployment.error().message.empty());
    return 0;
  }
  const std::string saved = state_of(*deployment);
  const Result<Deployment> again = deployment_of_state(saved);
  FUZZ_CHECK(again);
  FUZZ_CHECK(state_of(*again) == saved);
  return 0;
}
