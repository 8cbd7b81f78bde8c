#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "tools/weft-gen/replay/capture_file.hpp"
#include "tools/weft-gen/replay/timeline.hpp"
#include "tools/weft-gen/run/pacer.hpp"

namespace weft::gen {
namespace {

constexpr double kHertz = 1e9;

TEST(Pacer, SendsTheRateWhoeverAsksHowOften) {
  for (const std::uint64_t every : {10, 1000, 7777}) {
    Pacer pacer(1e6, kHertz, 5000, 10'000, 64);
    std::uint64_t sent = 0, now = 0;
    for (; !pacer.done(); now += every) {
      const std::uint64_t due = pacer.due(now, 32);
      if (now < 5000) {
        EXPECT_EQ(due, 0U) << "before it begins";
      }
      pacer.sent(due);
      sent += due;
      if (now >= 5000) {
        EXPECT_NEAR(static_cast<double>(sent), std::min(10'000.0, static_cast<double>(now - 5000) / 1000 + 1), 1.01);
      }
    }
    EXPECT_EQ(sent, 10'000U);
    EXPECT_EQ(pacer.skipped(), 0U);
    EXPECT_NEAR(static_cast<double>(now), 5000 + 10'000 * 1000.0, 2.0 * static_cast<double>(every) + 2000);
  }
}

TEST(Pacer, DoesNotMakeUpForALongAbsence) {
  Pacer pacer(1e6, kHertz, 0, 10'000, 64);
  EXPECT_EQ(pacer.due(0, 32), 1U);
  pacer.sent(1);
  EXPECT_EQ(pacer.due(1'000'000, 1000), 64U) << "a thousand are due";
  EXPECT_EQ(pacer.skipped(), 1000 - 64U);
  pacer.sent(64);
  EXPECT_EQ(pacer.due(1'000'000, 1000), 0U);
  pacer.give_up();
  EXPECT_TRUE(pacer.done());
  EXPECT_EQ(pacer.skipped(), 10'000 - 65U);
}

TEST(Pacer, OfABurstSendsAllOfIt) {
  Pacer pacer(1e6, kHertz, 0, 5000, Pacer::kMakeUpForAll);
  std::uint64_t sent = 0;
  while (!pacer.done()) {
    const std::uint64_t due = pacer.due(1'000'000'000, 32);
    ASSERT_GT(due, 0U);
    pacer.sent(due);
    sent += due;
  }
  EXPECT_EQ(sent, 5000U);
}

TEST(Timeline, KeepsTheCapturesDistances) {
  const std::vector<std::uint64_t> offsets = {0, 100, 100, 5000};
  Timeline timeline(offsets, 1, 1, kHertz, 1000);
  EXPECT_EQ(timeline.due(999, 32), 0U);
  EXPECT_EQ(timeline.due(1000, 32), 1U);
  timeline.sent(1);
  EXPECT_EQ(timeline.due(1099, 32), 0U);
  EXPECT_EQ(timeline.due(1100, 32), 2U);
  EXPECT_EQ(timeline.due(1100, 1), 1U);
  timeline.sent(2);
  EXPECT_EQ(timeline.due(5999, 32), 0U);
  EXPECT_EQ(timeline.due(6000, 32), 1U);
  timeline.sent(1);
  EXPECT_TRUE(timeline.done());
}

TEST(Timeline, IsFasterAndGoesRound) {
  const std::vector<std::uint64_t> offsets = {0, 1000, 3000};
  const Timeline timeline(offsets, 2, 3, kHertz, 0);
  EXPECT_EQ(timeline.at(2), 1500U);
  EXPECT_EQ(timeline.at(3), 2250U) << "the next round begins a mean distance after the last frame";
  EXPECT_EQ(timeline.at(5), 2250 + 1500U);
  EXPECT_EQ(timeline.end(), 2 * 2250 + 1500U);
}

class Capture : public testing::Test {
 protected:
  Capture() { path_ = directory() + "/capture.pcap"; }
  ~Capture() override { std::system(("rm -rf " + directory_).c_str()); }
  std::string directory() {
    char name[] = "/tmp/weft-gen-test-XXXXXX";
    return directory_ = ::mkdtemp(name);
  }
  void write(int link, const std::vector<std::pair<std::uint64_t, unsigned>>& frames, unsigned cut = 0) {
    pcap_t* const dead = pcap_open_dead_with_tstamp_precision(link, 65535, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t* const file = pcap_dump_open(dead, path_.c_str());
    std::vector<unsigned char> bytes(20'000);
    for (const auto& [ns, size] : frames) {
      bytes[12] = static_cast<unsigned char>(size);
      pcap_pkthdr header{};
      header.ts.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
      header.ts.tv_usec = static_cast<suseconds_t>(ns % 1'000'000'000);
      header.caplen = size;
      header.len = size + cut;
      pcap_dump(reinterpret_cast<u_char*>(file), &header, bytes.data());
    }
    pcap_dump_close(file);
    pcap_close(dead);
  }
  std::string mistake() { return CaptureFile::read(path_, 1'000'000).error().message; }

  std::string directory_, path_;
};

TEST_F(Capture, IsReadWithItsTimes) {
  write(DLT_EN10MB, {{7'000'000'500, 60}, {7'000'001'000, 1514}, {6'000'000'000, 100}, {8'000'000'000, 9014}}, 4);
  const auto capture = CaptureFile::read(path_);
  ASSERT_TRUE(capture) << capture.error().message;
  EXPECT_EQ(capture->offsets_ns, (std::vector<std::uint64_t>{0, 500, 500, 999'999'500})) << "times do not fall";
  ASSERT_EQ(capture->frames(), 4U);
  EXPECT_EQ(capture->frame(1).size(), 1514U);
  EXPECT_EQ(capture->frame(3)[12], std::byte{9014 & 0xff});
  EXPECT_EQ(capture->cut, 4U);
}

TEST_F(Capture, SaysWhatIsWrong) {
  EXPECT_NE(mistake().find("libpcap cannot read it"), std::string::npos);
  std::ofstream(path_) << "this is no capture, and long enough for a header";
  EXPECT_NE(mistake().find("libpcap cannot read it"), std::string::npos);
  write(DLT_RAW, {{0, 60}});
  EXPECT_NE(mistake().find("something else than Ethernet"), std::string::npos);
  write(DLT_EN10MB, {});
  EXPECT_NE(mistake().find("no frame"), std::string::npos);
  write(DLT_EN10MB, {{0, 60}, {0, 9015}});
  EXPECT_NE(mistake().find("frame 2 has 9015 bytes"), std::string::npos);
  write(DLT_EN10MB, std::vector<std::pair<std::uint64_t, unsigned>>(1000, {0, 1500}));
  EXPECT_NE(mistake().find("more than 1 MB"), std::string::npos);
  write(DLT_EN10MB, {{0, 60}, {0, 60}});
  ASSERT_EQ(::truncate(path_.c_str(), 24 + 16 + 60 + 16 + 10), 0);
  EXPECT_NE(mistake().find("libpcap stops"), std::string::npos);
}

}  // namespace
}  // namespace weft::gen
