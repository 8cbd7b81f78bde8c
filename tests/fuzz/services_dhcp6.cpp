// Payloads into the DHCPv6 server: an answer's options, and those inside them, are well-formed, and every address with
// a lifetime is the ENI's own.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "dataplane/services/dhcp6.hpp"
#include "dataplane/services/dhcp6_message.hpp"
#include "tests/dataplane/services/world.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace weft;
using namespace weft::services;

void check_association(const ServiceView& view, const Dhcp6Option& association) {
  const std::size_t skip = association.code == kOption6IaTa ? 4 : 12;
  FUZZ_CHECK(association.data.size() >= skip);
  FUZZ_CHECK(for_each_option(association.data.subspan(skip), [&](const Dhcp6Option& option) {
    if (option.code != kOption6IaAddress) return true;
    FUZZ_CHECK(option.data.size() == 24);
    IpAddress named;
    std::memcpy(&named, option.data.data(), sizeof named);
    const bool dead =
        std::all_of(option.data.begin() + 16, option.data.end(), [](std::byte b) { return b == std::byte{}; });
    FUZZ_CHECK(dead || is_own_ipv6(view, named));
    return true;
  }));
}

void run(const ServiceView& view, std::span<const std::byte> payload, bool unicast, std::size_t room) {
  std::vector<std::byte> out(room);
  const Answer said = answer_dhcp6(view, payload, unicast, out);
  if (said.outcome != Answer::Outcome::kAnswered) return;
  FUZZ_CHECK(said.length <= room && said.length >= 4);
  FUZZ_CHECK(std::equal(out.begin() + 1, out.begin() + 4, payload.begin() + 1));
  FUZZ_CHECK(for_each_option(std::span<const std::byte>(out).subspan(4, said.length - 4), [&](const Dhcp6Option& o) {
    if (o.code == kOption6IaNa || o.code == kOption6IaTa || o.code == kOption6IaPd) check_association(view, o);
    return true;
  }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  static const ServiceView delegated = [] {
    static const std::vector<IpPrefix> prefixes{prefix("2001:db8:1:100:a::/80")};
    ServiceView view = world.view;
    view.ipv6_prefixes = prefixes;
    view.ipv6_addresses = {};
    return view;
  }();
  const auto payload = std::as_bytes(std::span(data, size));
  run(world.view, payload, false, 1452);
  run(world.view, payload, true, 1452);
  run(delegated, payload, false, (size * 5) % 300);
  return 0;
}
