// Two functions, and what is wrong with the fabric between them.
#pragma once

#include "tests/drivers/efa/raw_client.hpp"

namespace weft::efa::test {

using Change = std::map<std::string, std::uint64_t>;

class FabricTest : public SwitchTest {
 protected:
  void SetUp() override {
    add(function("a", 1));
    add(function("b", 2));
  }
  RawClient recovering(const std::string& eni_id, CreateQp request = {}) { return open(eni_id, request, kFeatureFabric); }

  TestGate::Fabric& way() { return gate.fabric[{1, 2}]; }
  void loses_everything() {
    way() = [](auto...) { return EfaPassage{.lost = true}; };
  }
  void takes(std::uint64_t delay_ns) {
    way() = [=](std::uint8_t, std::uint64_t now, std::uint32_t) { return EfaPassage{.at_ns = now + delay_ns}; };
  }

  /// One packet of one byte, and a turn. The sender hears kOnWire and is made to look.
  void send_on_wire(RawClient& from, const RawClient& to, std::uint8_t mark = 0) {
    RawClient::Send send = from.to(to, 1);
    send.payload = {std::byte{mark}};
    const std::uint32_t errors = from.header->sq_errors;
    from.post(send);
    EXPECT_GE(poll(), 1U);
    EXPECT_EQ(from.completed(), std::vector{SendStatus::kOk});
    EXPECT_EQ(from.hint, SendHint::kOnWire);
    EXPECT_EQ(from.header->sq_errors, errors + 1);
  }
  /// What has come, by its first byte.
  static std::vector<int> marks(RawClient& client) {
    std::vector<int> all;
    while (const auto received = client.take()) {
      EXPECT_EQ(received->flags & kOverFabric, kOverFabric);
      all.push_back(std::to_integer<int>(received->payload.at(0)));
    }
    return all;
  }
  void expect_counters(EniSlot slot, Change expected) {
    Change all = as_map({});
    for (const auto& [name, value] : expected) all.at(name) = value;
    EXPECT_EQ(as_map(registry.counters(slot)), all) << "slot " << slot;
  }
  std::uint64_t next_in_ns() { return messages.next_ns() - now_ns; }
};

}  // namespace weft::efa::test
