// DNS messages into the resolver: an answer repeats the question, holds as many records as it says and not a byte more,
// keeps to the client's size, and is itself never answered.
#include <cstdint>
#include <vector>

#include "dataplane/services/bytes.hpp"
#include "dataplane/services/dns.hpp"
#include "dataplane/services/dns_message.hpp"
#include "tests/dataplane/services/world.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::services;

void check_message(std::span<const std::byte> message) {
  Reader reader(message);
  const auto header = reader.read<DnsHeader>();
  std::size_t at = sizeof(DnsHeader);
  Name name;
  if (header.questions.host() == 1) {
    at = read_name(message, at, name);
    FUZZ_CHECK(at != 0);
    at += 4;
  }
  const unsigned records = header.answers.host() + header.authorities.host() + header.additionals.host();
  for (unsigned i = 0; i < records; ++i) {
    at = read_name(message, at, name);
    FUZZ_CHECK(at != 0);
    Reader record(message.subspan(at));
    record.take(8);
    record.take(record.u16());
    FUZZ_CHECK(record.ok());
    at += record.offset();
  }
  FUZZ_CHECK(at == message.size());
}

void run(std::span<const std::byte> message, std::size_t room, DnsTransport transport) {
  static const World world;
  std::vector<std::byte> out(room), again(room);
  const Answer said = answer_dns(world.view, message, out, transport);
  if (said.outcome != Answer::Outcome::kAnswered) return;
  const auto answer = std::span<const std::byte>(out).first(said.length);
  FUZZ_CHECK(said.length <= room && (transport == DnsTransport::kTcp || said.length <= 4096));
  FUZZ_CHECK(std::equal(answer.begin(), answer.begin() + 2, message.begin()));
  check_message(answer);
  FUZZ_CHECK(answer_dns(world.view, answer, again, transport) == Answer::dropped(Refusal::kNotARequest));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = std::as_bytes(std::span(data, size));
  run(message, 4096, DnsTransport::kUdp);
  run(message, (size * 3) % 256, DnsTransport::kUdp);
  run(message, 8900, DnsTransport::kTcp);
  return 0;
}
