// NTP packets: 48 bytes back to a client of version 3 or 4, and nothing to anybody else.
#include <cstdint>
#include <vector>

#include "dataplane/services/ntp.hpp"
#include "tests/fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft::services;
  std::vector<std::byte> out(size % 2 == 0 ? 48 : size % 96);
  const Answer said = answer_ntp(1700000000123456789, std::as_bytes(std::span(data, size)), out);
  const bool client = size >= 48 && ((data[0] & 0x3f) == 0x1b || (data[0] & 0x3f) == 0x23);
  FUZZ_CHECK((said.outcome == Answer::Outcome::kAnswered) == (client && out.size() >= 48));
  if (said.outcome == Answer::Outcome::kAnswered) FUZZ_CHECK(said.length == 48);
  return 0;
}
