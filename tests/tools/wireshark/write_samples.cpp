// Writes packets for dissector.py: `write_samples FILE.pcapng` and, on standard output, a line of JSON for each packet: its
// name, and either the fields it has or what is to be said about it.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <random>

#include "dataplane/observe/efa_frame.hpp"
#include "dataplane/observe/pcapng.hpp"
#include "tests/tools/wireshark/sample.hpp"

namespace weft::wireshark_test {
namespace {

constexpr std::uint64_t kRounds = 6;
/// Beginnings of a packet are tried around its headers, not all through its data.
constexpr std::size_t kMostHeaderBytes = 200;

class Writer {
 public:
  Writer() {
    blocks_.section_header("weft");
    blocks_.interface_description("a/eth0", "", MacAddress{}, 0);
  }

  /// `missing`: bytes at the end that the capture does not have.
  void add(std::span<const std::byte> payload, const nlohmann::json& about, std::size_t missing = 0) {
    const EfaFrame frame{.source_mac = {{2, 0, 0, 0, 0, 1}},
                         .destination_mac = {{2, 0, 0, 0, 0, 2}},
                         .source = {0x0a000104},
                         .destination = {0x0a000105},
                         .source_port = 0xc003,
                         .queues = {1, 2, 0xfedcba98},
                         .payload_bytes = static_cast<std::uint32_t>(payload.size())};
    const auto head = efa_frame_head(frame);
    std::vector<std::byte> bytes(head.begin(), head.end());
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    const auto original = static_cast<std::uint32_t>(bytes.size());
    bytes.resize(bytes.size() - missing);
    blocks_.packet({.original = original, .outbound = true, .bytes = bytes, .comment = {}});
    std::cout << about << '\n';
  }

  bool write(const char* path) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(blocks_.bytes().data()), static_cast<std::streamsize>(blocks_.bytes().size()));
    return static_cast<bool>(file.flush());
  }

 private:
  PcapngBlocks blocks_;
};

void add_beginnings(Writer& writer, const Sample& sample) {
  const std::size_t most = std::min(sample.bytes.size() - 1, kMostHeaderBytes);
  for (std::size_t length = 0; length <= most; ++length) {
    writer.add(std::span(sample.bytes).first(length),
               {{"name", sample.name + ", too short"}, {"malformed", !sample.is_whole(length)}});
    const bool into_data = sample.data_from && length >= *sample.data_from;
    writer.add(sample.bytes, {{"name", sample.name + ", cut by the capture"}, {"malformed", false}, {"cut_short", !into_data}},
               sample.bytes.size() - length);
  }
  if (sample.data_from || !sample.whole.empty()) return;
  std::vector<std::byte> longer = sample.bytes;
  longer.push_back(std::byte{1});
  writer.add(longer, {{"name", sample.name + ", a byte too long"}, {"malformed", true}});
}

void add_unknown(Writer& writer, const Sample& sample) {
  std::vector<std::byte> changed = sample.bytes;
  changed[0] = std::byte{2};
  writer.add(changed, {{"name", sample.name + " of another transport version"}, {"unknown", true}});
  if (!sample.fields.contains("weft_rdm.type")) return;
  changed = sample.bytes;
  changed[sizeof(srd::PacketHeader)] = std::byte{73};
  writer.add(changed, {{"name", sample.name + " with a type that is none"}, {"unknown", true}});
  changed = sample.bytes;
  changed[sizeof(srd::PacketHeader) + 1] = std::byte{9};
  writer.add(changed, {{"name", sample.name + " of another RDM version"}, {"unknown", true}});
}

/// Rubbish: nothing is expected but that the dissector survives.
void add_mutations(Writer& writer, const Sample& sample, std::mt19937_64& random) {
  for (int i = 0; i < 20; ++i) {
    std::vector<std::byte> changed = sample.bytes;
    for (int k = 0; k < 3; ++k) changed[random() % std::min<std::size_t>(changed.size(), 64)] = static_cast<std::byte>(random());
    writer.add(changed, {{"name", sample.name + ", mutated"}});
  }
}

}  // namespace
}  // namespace weft::wireshark_test

int main(int argc, char** argv) {
  using namespace weft::wireshark_test;
  if (argc != 2) return 2;
  Writer writer;
  std::mt19937_64 random(7);
  for (std::uint64_t seed = 0; seed < kRounds; ++seed) {
    for (const Sample& sample : every_kind(seed)) {
      writer.add(sample.bytes, {{"name", sample.name}, {"fields", sample.fields}});
      if (seed != 0) continue;
      add_beginnings(writer, sample);
      add_unknown(writer, sample);
      add_mutations(writer, sample, random);
    }
  }
  return writer.write(argv[1]) ? 0 : 1;
}
