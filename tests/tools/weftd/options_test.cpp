#include "tools/weftd/options.hpp"

#include <gtest/gtest.h>

namespace weft::test {
namespace {

using Words = std::vector<std::string>;

ParsedOptions parse(Words words) {
  words.insert(words.begin(), "weftd");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

/// What it says of words that are wrong usage.
std::string refused(const Words& words) {
  ::testing::internal::CaptureStderr();
  const ParsedOptions parsed = parse(words);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_FALSE(parsed.run);
  EXPECT_EQ(parsed.exit_code, 2);
  return said;
}

TEST(CpuLists, AreNumbersAndRanges) {
  EXPECT_EQ(parse_cpu_list("2-4,7"), (std::vector<int>{2, 3, 4, 7}));
  for (const char* text : {"", "a", "1,", ",1", "3-2", "-1", "1-", "1024", "1;2"})
    EXPECT_TRUE(parse_cpu_list(text).empty()) << text;
}

TEST(PciAddresses, AreWrittenAsTheKernelDoes) {
  EXPECT_EQ(parse_pci_address("0000:03:00.0"), "0000:03:00.0");
  EXPECT_EQ(parse_pci_address("3B:1f.7"), "0000:3b:1f.7");
  EXPECT_EQ(parse_pci_address("0001:AF:00.1"), "0001:af:00.1");
  for (const char* text : {"", "eth0", "03:00", "03:00.8", "03:20.0", "3:00.0", "00000:03:00.0", "0000:03:00.0,x=1",
                           "0000:03:00.0 ", "-a", "0000:g3:00.0"})
    EXPECT_EQ(parse_pci_address(text), "") << text;
}

TEST(Options, HaveNoCardsUnlessAsked) {
  const ParsedOptions parsed = parse({});
  EXPECT_TRUE(parsed.run);
  EXPECT_TRUE(parsed.options.cards.empty());
  EXPECT_TRUE(parsed.options.eal.empty());
}

TEST(Options, TakeACardForEachPci) {
  const ParsedOptions parsed = parse({"--pci", "0000:03:00.0", "--pci=03:00.1", "--eal=--vdev=net_null0"});
  EXPECT_TRUE(parsed.run);
  EXPECT_EQ(parsed.options.cards, (Words{"0000:03:00.0", "0000:03:00.1"}));
  EXPECT_EQ(parsed.options.eal, (Words{"--vdev=net_null0"}));
}

TEST(Options, SayWhatIsNoCard) {
  EXPECT_NE(refused({"--pci", "eth1"}).find("'eth1' is no PCI address such as 0000:03:00.0"), std::string::npos);
  EXPECT_NE(refused({"--pci", "03:00.0", "03:00.1"}).find("03:00.1"), std::string::npos) << "one address for each --pci";
  EXPECT_NE(refused({"--pci"}).find("--pci"), std::string::npos);
}

TEST(Options, SayWhatDoesNotGoTogether) {
  EXPECT_NE(refused({"--poll"}).find("needs --cpus"), std::string::npos);
  EXPECT_NE(refused({"--cpus", "3-2"}).find("'3-2' is no list of CPUs"), std::string::npos);
  EXPECT_NE(refused({"--shared", "weft", "--no-huge"}).find("needs huge pages"), std::string::npos);
  EXPECT_NE(refused({"--metrics-listen", "9469"}).find("--metrics-listen"), std::string::npos);
}

}  // namespace
}  // namespace weft::test
