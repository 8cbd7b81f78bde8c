// Captures as files: read back by a reader of our own, by libpcap, which tcpdump and Wireshark's tools share, and
// through descriptors that misbehave.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "dataplane/observe/capture_file.hpp"
#include "dataplane/observe/capture_finish.hpp"
#include "tests/dataplane/observe/pcapng_reader.hpp"

namespace weft::test {
namespace {

constexpr std::int64_t kWall = 1'700'000'000'000'000'000;
using Pieces = std::vector<std::span<const std::byte>>;

std::span<const std::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

CaptureRecord* offer(CaptureTap& tap, std::uint16_t slot, CaptureDirection direction, std::uint64_t now,
                     const std::string& frame, std::uint32_t original = 0) {
  const Pieces pieces{bytes_of(frame)};
  return tap.offer(slot, direction, now, pieces, original == 0 ? static_cast<std::uint32_t>(frame.size()) : original);
}

struct Capture {
  CaptureSession session;
  CaptureTap tap{0};
  explicit Capture(CaptureSession::Options options = {.wall_offset_ns = kWall}) : session(options) {
    session.add(5, {"node-0/eth0", "eni-0a", {{2, 0, 0, 0, 0, 5}}, "eni-0a"});
    session.add(9, {"node-1/eth0", "eni-0b", {{2, 0, 0, 0, 0, 9}}, "eni-0b"});
    tap.arm(session);
  }
  std::string file(std::uint64_t end_ns = 0) {
    tap.publish();
    CaptureFile writer(session);
    PcapngBlocks blocks;
    writer.drain(blocks, SIZE_MAX);
    writer.finish(blocks, end_ns);
    return {reinterpret_cast<const char*>(blocks.bytes().data()), blocks.bytes().size()};
  }
};

const std::string kFrame = [] {
  std::string frame(60, '\0');
  frame.replace(0, 14, std::string("\x02\0\0\0\0\x09\x02\0\0\0\0\x05\x08\0", 14));
  return frame;
}();

TEST(Capture, TheFileHasInterfacesDirectionsTimesAndTheReasonOfADrop) {
  Capture capture;
  offer(capture.tap, 5, CaptureDirection::kOut, 1'000, kFrame);
  offer(capture.tap, 9, CaptureDirection::kIn, 2'000, kFrame.substr(0, 21), 1514)->dropped(DropReason::kGroupIngress);
  const auto blocks = read_pcapng(capture.file(3'000));
  ASSERT_EQ(blocks.size(), 1 + 2 + 2 + 2U);

  EXPECT_EQ(blocks[0].option(4), "weft");
  EXPECT_EQ(blocks[1].type, 1U);
  EXPECT_EQ(blocks[1].at<std::uint16_t>(0), 1U);  // Ethernet
  EXPECT_EQ(blocks[1].option(2), "node-0/eth0");
  EXPECT_EQ(blocks[1].option(3), "eni-0a");
  EXPECT_EQ(blocks[1].option(6), std::string("\x02\0\0\0\0\x05", 6));
  EXPECT_EQ(blocks[1].option(9), "\x09");
  EXPECT_EQ(blocks[2].option(2), "node-1/eth0");

  const PcapngBlock& sent = blocks[3];
  EXPECT_EQ(sent.type, 6U);
  EXPECT_EQ(sent.at<std::uint32_t>(0), 0U);
  EXPECT_EQ(sent.time(4), kWall + 1'000ULL);
  EXPECT_EQ(sent.at<std::uint32_t>(12), 60U);
  EXPECT_EQ(sent.body.substr(20), kFrame);
  EXPECT_EQ(sent.option(2), std::string("\x02\0\0\0", 4));
  EXPECT_EQ(sent.options.count(1), 0U);

  const PcapngBlock& dropped = blocks[4];
  EXPECT_EQ(dropped.at<std::uint32_t>(0), 1U);
  EXPECT_EQ(dropped.at<std::uint32_t>(12), 21U);
  EXPECT_EQ(dropped.at<std::uint32_t>(16), 1514U);
  EXPECT_EQ(dropped.option(2), std::string("\x01\0\0\0", 4));
  EXPECT_EQ(dropped.option(1),
            "dropped: group-ingress: no ingress rule of the destination ENI's security groups allows it");

  EXPECT_EQ(blocks[6].type, 5U);
  EXPECT_EQ(blocks[6].at<std::uint32_t>(0), 1U);
  EXPECT_EQ(blocks[6].time(4), kWall + 3'000ULL);
  EXPECT_EQ(blocks[6].option(4), std::string("\x01\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(blocks[6].option(5), std::string(8, '\0'));
}

TEST(Capture, KeepsTheSnapLengthOfAPacketInPieces) {
  Capture capture({.snap_length = 100, .wall_offset_ns = kWall});
  const std::string head(60, 'h'), middle(30, 'm'), tail(9000, 't');
  const Pieces pieces{bytes_of(head), {}, bytes_of(middle), bytes_of(tail)};
  ASSERT_NE(capture.tap.offer(5, CaptureDirection::kOut, 1, pieces, 9090), nullptr);
  const auto blocks = read_pcapng(capture.file());
  EXPECT_EQ(blocks[3].body.substr(20), head + middle + std::string(10, 't'));
  EXPECT_EQ(blocks[3].at<std::uint32_t>(16), 9090U);
}

TEST(Capture, OnlyTheChosenInterfacesAndOnlyWhileArmed) {
  Capture capture;
  EXPECT_TRUE(capture.tap.wants(5));
  EXPECT_FALSE(capture.tap.wants(6));
  EXPECT_EQ(offer(capture.tap, 6, CaptureDirection::kOut, 1, kFrame), nullptr);
  capture.tap.disarm();
  EXPECT_FALSE(capture.tap.armed());
  EXPECT_FALSE(capture.tap.wants(5));
  EXPECT_EQ(offer(capture.tap, 5, CaptureDirection::kOut, 1, kFrame), nullptr);
  EXPECT_EQ(capture.session.missed(), 0U);
}

TEST(Capture, ASlotThatAnotherEniTakesIsAnotherInterface) {
  Capture capture;
  offer(capture.tap, 5, CaptureDirection::kOut, 1, kFrame);
  capture.session.remove(5);
  EXPECT_EQ(offer(capture.tap, 5, CaptureDirection::kOut, 2, kFrame), nullptr);
  capture.session.add(5, {"node-7/eth1", "eni-0c", {}, "eni-0c"});
  offer(capture.tap, 5, CaptureDirection::kOut, 3, kFrame);
  const auto blocks = read_pcapng(capture.file());
  std::vector<std::uint32_t> interfaces;
  for (const PcapngBlock& block : blocks)
    if (block.type == 6) interfaces.push_back(block.at<std::uint32_t>(0));
  EXPECT_EQ(interfaces, (std::vector<std::uint32_t>{0, 2}));
}

TEST(Capture, PacketsOfSeveralWorkersAreInOrderOfTime) {
  Capture capture({.workers = 3, .wall_offset_ns = kWall});
  std::array<CaptureTap, 2> others{CaptureTap(1), CaptureTap(2)};
  for (CaptureTap& tap : others) tap.arm(capture.session);
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (std::uint64_t now = 1; now <= 300; ++now) {
    const auto worker = random() % 3;
    CaptureTap& tap = worker == 0 ? capture.tap : others[worker - 1];
    ASSERT_NE(offer(tap, 9, CaptureDirection::kIn, now, kFrame), nullptr);
    tap.publish();
  }
  std::uint64_t expected = 0;
  for (const PcapngBlock& block : read_pcapng(capture.file()))
    if (block.type == 6) {
      ASSERT_EQ(block.time(4), static_cast<std::uint64_t>(kWall) + ++expected);
    }
  EXPECT_EQ(expected, 300U);
}

TEST(Capture, WhatTheRingCouldNotTakeIsInTheStatistics) {
  Capture capture({.ring_bytes = 4096, .wall_offset_ns = kWall});
  unsigned taken = 0;
  for (int i = 0; i < 100; ++i) taken += offer(capture.tap, 5, CaptureDirection::kOut, 1, kFrame) != nullptr ? 1 : 0;
  const auto blocks = read_pcapng(capture.file());
  std::uint64_t missed;
  std::memcpy(&missed, blocks[blocks.size() - 2].option(5).data(), 8);
  EXPECT_EQ(missed, 100U - taken);
  EXPECT_GT(missed, 0U);
}

TEST(Capture, LibpcapReadsWhatWeWrite) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  Capture capture({.snap_length = 1000, .wall_offset_ns = kWall});
  std::vector<std::pair<std::string, std::uint32_t>> expected;  // bytes kept, original length
  for (std::uint64_t i = 0; i < 500; ++i) {
    std::string frame(14 + random() % 2000, static_cast<char>(random()));
    CaptureRecord* const record =
        offer(capture.tap, random() % 2 == 0 ? 5 : 9, CaptureDirection::kIn, i * 1'000'003, frame);
    ASSERT_NE(record, nullptr);
    if (random() % 3 == 0) record->dropped(static_cast<DropReason>(random() % kDropReasons));
    expected.emplace_back(frame.substr(0, 1000), frame.size());
  }
  const std::string file = capture.file();
  std::FILE* const stream = ::fmemopen(const_cast<char*>(file.data()), file.size(), "rb");
  ASSERT_NE(stream, nullptr);
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* const pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, error);
  ASSERT_NE(pcap, nullptr) << error;
  EXPECT_EQ(pcap_datalink(pcap), DLT_EN10MB);
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int result = 0;
  std::size_t i = 0;
  for (; (result = pcap_next_ex(pcap, &header, &data)) == 1; ++i) {
    ASSERT_LT(i, expected.size());
    ASSERT_EQ(header->len, expected[i].second);
    ASSERT_EQ(std::string(reinterpret_cast<const char*>(data), header->caplen), expected[i].first);
    const std::uint64_t at =
        static_cast<std::uint64_t>(header->ts.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(header->ts.tv_usec);
    ASSERT_EQ(at, static_cast<std::uint64_t>(kWall) + i * 1'000'003);
  }
  EXPECT_EQ(result, PCAP_ERROR_BREAK) << pcap_geterr(pcap);  // the end, not an error
  EXPECT_EQ(i, expected.size());
  pcap_close(pcap);
}

TEST(Capture, AFilterLeavesOutAndTheStatisticsSayHowMany) {
  Capture capture;
  for (int i = 0; i < 10; ++i) {
    CaptureRecord* const record = offer(capture.tap, 5, CaptureDirection::kOut, 1, kFrame);
    if (i % 2 == 0) record->dropped(DropReason::kPortFull);
  }
  capture.tap.publish();
  CaptureFile file(capture.session, {.drops_only = true, .most = 3, .comment = [](const CaptureRecord& record, const CaptureInterface& of) {
    return of.eni_id + " " + std::to_string(record.captured);
  }});
  PcapngBlocks blocks;
  EXPECT_FALSE(file.full());
  file.drain(blocks);
  EXPECT_TRUE(file.full());
  file.finish(blocks, 1);
  unsigned packets = 0;
  const auto read = read_pcapng({reinterpret_cast<const char*>(blocks.bytes().data()), blocks.bytes().size()});
  for (const PcapngBlock& block : read)
    if (block.type == 6) {
      EXPECT_EQ(block.option(1), "eni-0a 60");
      ++packets;
    }
  EXPECT_EQ(packets, 3U);
  const PcapngBlock& statistics = read[read.size() - 2];
  EXPECT_EQ(statistics.option(4), std::string("\x0a\0\0\0\0\0\0\0", 8)) << "received";
  EXPECT_EQ(statistics.option(8), std::string("\x03\0\0\0\0\0\0\0", 8)) << "in the file";
}

TEST(CaptureFinish, WhateverARecordSaysItStaysInsideItsBytes) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200'000; ++i) {
    std::vector<std::byte> bytes(random() % 120);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    if (bytes.size() > 14 && random() % 4 != 0) {
      bytes[12] = random() % 2 == 0 ? std::byte{0x08} : std::byte{0x86};
      bytes[13] = bytes[12] == std::byte{0x08} ? std::byte{0} : std::byte{0xdd};
    }
    bytes.shrink_to_fit();
    CaptureRecord record;
    record.captured = record.original = static_cast<std::uint32_t>(bytes.size());
    record.sum_from = static_cast<std::uint16_t>(random() % (random() % 8 == 0 ? 65536 : 130));
    record.sum_field = random() % 2 == 0 ? 6 : 16;
    record.super_segment = random() % 2 == 0;
    const std::vector<std::byte> before = bytes;
    finish_checksum(record, bytes);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      const bool field = at == record.sum_from + std::size_t{record.sum_field} || at == record.sum_from + record.sum_field + 1U;
      ASSERT_TRUE(field || bytes[at] == before[at]) << "byte " << at;
    }
  }
}

TEST(CaptureWriter, EndsByItselfWhenTheTimeIsOverAndTellsTheWorkersFirst) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  Capture capture;
  std::atomic<bool> disarmed{false}, done{false};
  CaptureWriter::Options options;
  options.duration = std::chrono::milliseconds(20);
  options.end_capture = [&] {
    offer(capture.tap, 5, CaptureDirection::kOut, 1, kFrame);  // what came until the taps were disarmed
    capture.tap.publish();
    capture.tap.disarm();
    disarmed = true;
  };
  options.now_ns = [] { return std::uint64_t{77}; };
  options.done = [&] {
    done = true;  // first: whoever reads the pipe's end looks at once
    ::close(pipe[1]);
  };
  CaptureWriter writer(capture.session, pipe[1], options);
  std::string file;
  char buffer[4096];
  for (ssize_t got; (got = ::read(pipe[0], buffer, sizeof buffer)) > 0;) file.append(buffer, static_cast<std::size_t>(got));
  EXPECT_TRUE(disarmed && done);
  EXPECT_EQ(writer.stop(0), 0);
  const auto blocks = read_pcapng(file);
  ASSERT_EQ(blocks.size(), 1 + 2 + 1 + 2U);
  EXPECT_EQ(blocks.back().time(4), kWall + 77ULL);
  ::close(pipe[0]);
}

TEST(CaptureWriter, WritesAFileWhileTheWorkerGoesOn) {
  char path[] = "/tmp/weft-capture-XXXXXX";
  const int fd = ::mkstemp(path);
  ASSERT_GE(fd, 0);
  Capture capture({.ring_bytes = 1 << 16, .wall_offset_ns = kWall});
  unsigned taken = 0;
  {
    CaptureWriter writer(capture.session, fd);
    for (std::uint64_t i = 0; i < 200'000; ++i) {
      if (offer(capture.tap, 5, CaptureDirection::kOut, i, kFrame) != nullptr) ++taken;
      if (i % 32 == 31) capture.tap.publish();
      if (i % 1024 == 0) ::usleep(1000);
    }
    capture.tap.publish();
    EXPECT_EQ(writer.stop(200'000), 0);
  }
  std::string file;
  char buffer[65536];
  ::lseek(fd, 0, SEEK_SET);
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) file.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  ::unlink(path);
  unsigned packets = 0;
  for (const PcapngBlock& block : read_pcapng(file)) packets += block.type == 6 ? 1 : 0;
  EXPECT_EQ(packets, taken);
  EXPECT_EQ(packets + capture.session.missed(), 200'000U);
}

TEST(CaptureWriter, AReaderThatHasGoneIsAnErrorAndNotTheEnd) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  Capture capture;
  CaptureWriter writer(capture.session, pipe[1]);
  ::close(pipe[0]);
  for (int i = 0; i < 200 && !writer.failed(); ++i) {
    offer(capture.tap, 5, CaptureDirection::kOut, 1, kFrame);
    capture.tap.publish();
    ::usleep(10'000);
  }
  EXPECT_EQ(writer.stop(1), EPIPE);
  ::close(pipe[1]);
}

TEST(CaptureWriter, AReaderThatDoesNotReadHoldsNobodyUp) {
  for (const bool socket : {false, true}) {
    int ends[2];
    ASSERT_EQ(socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) : ::pipe2(ends, O_CLOEXEC), 0);
    Capture capture({.ring_bytes = 1 << 20, .wall_offset_ns = kWall});
    CaptureWriter writer(capture.session, ends[1]);
    const std::string frame(9000, 'x');
    for (int i = 0; i < 1000; ++i) {
      offer(capture.tap, 5, CaptureDirection::kOut, 1, frame);
      capture.tap.publish();
    }
    EXPECT_GT(capture.session.missed(), 0U);
    EXPECT_EQ(writer.stop(1), ETIMEDOUT);  // after a second, and with what the reader had room for
    ::close(ends[0]);
    ::close(ends[1]);
  }
}

}  // namespace
}  // namespace weft::test
