// A client's bytes into the metadata service: whatever comes, the answer is one whole HTTP response that says its own
// length; nothing is answered before it is whole; and how the bytes were cut does not matter.
#include <string>
#include <vector>

#include "dataplane/services/metadata.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft::services;

constexpr std::size_t kMost = TcpConnections::kAskedBytes;

const Metadata& metadata() {
  static const Metadata made = [] {
    Metadata one;
    one.instance = "i-0123456789abcdef0";
    one.options.tokens_required = false;
    one.tree.add("meta-data/mac", "0a:00:0a:00:01:04");
    one.tree.add("meta-data/placement/region", "us-east-1");
    one.tree.finish();
    return one;
  }();
  return made;
}

void check_response(const std::string& said, bool close) {
  FUZZ_CHECK(said.starts_with("HTTP/1.1 "));
  const auto head = said.find("\r\n\r\n");
  FUZZ_CHECK(head != said.npos);
  const auto length = said.find("\r\nContent-Length: ");
  FUZZ_CHECK(length < head);
  const std::size_t body = said.size() - head - 4;
  FUZZ_CHECK(body == 0 || body == std::stoul(said.substr(length + 18)));  // none after HEAD
  FUZZ_CHECK((said.find("\r\nConnection: close") < head) == close);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const TokenKeys keys{{1, 2}, {3, 4}};
  const weft::services::Moment now{1700000000123456789, 1700000000123456789};
  const auto asked = std::as_bytes(std::span(data, size)).first(std::min(size, kMost));
  std::vector<std::byte> room(TcpConnections::kSaidBytes);
  const Reaction reaction = react_metadata(metadata(), keys, now, asked, room);
  if (asked.size() == kMost) FUZZ_CHECK(reaction.kind != Reaction::Kind::kMore);
  FUZZ_CHECK(reaction.kind != Reaction::Kind::kReset);
  if (reaction.kind == Reaction::Kind::kMore) return 0;
  FUZZ_CHECK(reaction.taken > 0 && reaction.taken <= asked.size() && reaction.length <= room.size());
  const std::string said(reinterpret_cast<const char*>(room.data()), reaction.length);
  check_response(said, reaction.close);
  // What is whole stays the same whatever follows it, and no part of it was whole before.
  const Reaction alone = react_metadata(metadata(), keys, now, asked.first(reaction.taken), room);
  FUZZ_CHECK(alone.kind == Reaction::Kind::kAnswer && alone.taken == reaction.taken);
  FUZZ_CHECK(std::string(reinterpret_cast<const char*>(room.data()), alone.length) == said);
  std::vector<std::byte> small(size % 700);
  FUZZ_CHECK(react_metadata(metadata(), keys, now, asked, small).length <= small.size());
  return 0;
}
