#include "tests/tools/wireshark/sample.hpp"

#include <random>

#include "fabric/rdm/endpoint.hpp"

namespace weft::wireshark_test {
namespace {

using namespace rdm;

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  template <typename Number>
  Number any() {
    return static_cast<Number>(random_());
  }
  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }
  std::vector<std::byte> some_bytes(std::size_t count) {
    std::vector<std::byte> bytes(count);
    for (std::byte& byte : bytes) byte = any<std::byte>();
    return bytes;
  }

  /// `flags` and any of those that change no format.
  srd::PacketHeader header(unsigned flags) {
    const unsigned others = below(64) & (srd::kHoldRequests | srd::kEstablished | srd::kAckRequested);
    return {.version = srd::kVersion,
            .flags = static_cast<std::uint8_t>(flags | others),
            .path = any<std::uint8_t>(),
            .session = any<std::uint8_t>(),
            .psn = any<std::uint32_t>(),
            .acknowledged = any<std::uint32_t>(),
            .credit = any<std::uint32_t>()};
  }

  static void expect(Sample& sample, const srd::PacketHeader& header) {
    sample.expect("weft_srd.version", header.version);
    sample.expect("weft_srd.flags", header.flags);
    sample.expect("weft_srd.flags.ack_requested", (header.flags & srd::kAckRequested) != 0);
    sample.expect("weft_srd.flags.credit_only", (header.flags & srd::kCreditOnly) != 0);
    sample.expect("weft_srd.flags.hold_requests", (header.flags & srd::kHoldRequests) != 0);
    sample.expect("weft_srd.flags.restart", (header.flags & srd::kRestart) != 0);
    sample.expect("weft_srd.flags.established", (header.flags & srd::kEstablished) != 0);
    sample.expect("weft_srd.flags.acknowledgement", (header.flags & srd::kAcknowledgement) != 0);
    sample.expect("weft_srd.path", header.path);
    sample.expect("weft_srd.session", header.session);
    sample.expect("weft_srd.psn", header.psn);
    sample.expect("weft_srd.credit", header.credit);
  }

  Sample headers_only(const char* name, unsigned flags, const char* acknowledged) {
    Sample sample{.name = name};
    const srd::PacketHeader transport = header(flags);
    sample.put(transport);
    expect(sample, transport);
    sample.expect(acknowledged, transport.acknowledged);
    return sample;
  }

  Sample acknowledgement() {
    Sample sample{.name = "acknowledgement"};
    srd::Acknowledgement ack{.session = any<std::uint8_t>(),
                             .words = static_cast<std::uint8_t>(below(srd::kBitmapWords + 1)),
                             .echoes = static_cast<std::uint8_t>(below(srd::kMaxEchoes + 1)),
                             .incarnation = any<std::uint32_t>(),
                             .cumulative = any<std::uint32_t>()};
    std::vector<std::byte> bitmap(ack.words * std::size_t{8});
    for (unsigned word = 0; word < ack.words; ++word) {
      ack.bitmap[word] = any<std::uint64_t>() & any<std::uint64_t>();
      std::memcpy(&bitmap[word * std::size_t{8}], &ack.bitmap[word], 8);
      for (unsigned bit = 0; bit < 64; ++bit)
        if ((ack.bitmap[word] >> bit & 1) != 0) sample.expect("weft_srd.ack.psn", ack.cumulative + 1 + 64 * word + bit);
    }
    for (unsigned i = 0; i < ack.echoes; ++i) {
      ack.echo[i] = {any<std::uint32_t>(), any<std::uint32_t>(), any<std::uint8_t>(), below(2) != 0};
      sample.expect("weft_srd.echo.psn", ack.echo[i].psn);
      sample.expect("weft_srd.echo.delay", ack.echo[i].delay_ns);
      sample.expect("weft_srd.echo.path", ack.echo[i].path);
      sample.expect("weft_srd.echo.flags", ack.echo[i].congested ? 1 : 0);
      sample.expect("weft_srd.echo.congested", ack.echo[i].congested);
    }
    std::array<std::byte, srd::kMaxAcknowledgementBytes> packet;
    srd::PacketHeader transport = header(srd::kAcknowledgement);
    sample.append(std::span(packet).first(write_acknowledgement(ack, transport, packet)));
    transport.acknowledged = ack.cumulative;
    expect(sample, transport);
    sample.expect("weft_srd.acknowledged", ack.cumulative);
    sample.expect("weft_srd.ack.session", ack.session);
    sample.expect("weft_srd.ack.words", ack.words);
    sample.expect("weft_srd.ack.echoes", ack.echoes);
    sample.expect("weft_srd.ack.incarnation", ack.incarnation);
    if (!bitmap.empty()) sample.expect("weft_srd.ack.bitmap", Sample::hex(bitmap));
    return sample;
  }

  /// The transport's header; the base header comes back, for the packet's own to begin with.
  BaseHeader begin(Sample& sample, PacketType type, unsigned options) {
    const srd::PacketHeader transport = header(0);
    sample.put(transport);
    expect(sample, transport);
    sample.expect("weft_srd.header_count", transport.acknowledged);
    const BaseHeader base{type, kProtocolVersion, static_cast<std::uint16_t>(options), any<std::uint32_t>()};
    sample.expect("weft_rdm.type", static_cast<unsigned>(base.type));
    sample.expect("weft_rdm.version", base.version);
    sample.expect("weft_rdm.options", base.options);
    sample.expect("weft_rdm.options.has_remote_data", (base.options & kHasRemoteData) != 0);
    sample.expect("weft_rdm.options.wants_receipt", (base.options & kWantsReceipt) != 0);
    sample.expect("weft_rdm.options.direct", (base.options & kDirect) != 0);
    sample.expect("weft_rdm.message", base.message);
    return base;
  }
  unsigned options() { return below(4); }

  RequestHeader request(Sample& sample, PacketType type, unsigned flags) {
    const RequestHeader header{begin(sample, type, flags), any<std::uint64_t>(), any<std::uint64_t>()};
    sample.expect("weft_rdm.tag", header.tag);
    sample.expect("weft_rdm.remote_data", header.remote_data);
    return header;
  }
  void some_data(Sample& sample) { sample.data(some_bytes(below(2000))); }
  void direct_pieces(Sample& sample, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const DirectPiece piece{any<std::uint64_t>(), any<std::uint64_t>()};
      sample.put(piece);
      sample.expect("weft_rdm.direct.address", piece.address);
      sample.expect("weft_rdm.direct.length", piece.length);
    }
  }
  /// Returns the sum of their lengths.
  std::size_t remote_pieces(Sample& sample, unsigned count) {
    std::size_t total = 0;
    for (unsigned i = 0; i < count; ++i) {
      const RemotePiece piece{any<std::uint64_t>(), 8 * (1 + below(64)), any<std::uint64_t>()};
      sample.put(piece);
      sample.expect("weft_rdm.address", piece.address);
      sample.expect("weft_rdm.length", piece.length);
      sample.expect("weft_rdm.key", piece.key);
      total += piece.length;
    }
    return total;
  }

  Sample eager(PacketType type) {
    Sample sample{.name = "eager"};
    sample.put(request(sample, type, options()));
    some_data(sample);
    return sample;
  }
  Sample medium(PacketType type) {
    Sample sample{.name = "medium"};
    const MediumHeader header{request(sample, type, options()), any<std::uint32_t>(), any<std::uint32_t>()};
    sample.put(header);
    sample.expect("weft_rdm.total", header.total);
    sample.expect("weft_rdm.offset", header.offset);
    some_data(sample);
    return sample;
  }
  Sample long_message(PacketType type, bool direct) {
    Sample sample{.name = direct ? "long, direct" : "long"};
    const LongHeader header{request(sample, type, options() | (direct ? unsigned{kDirect} : 0U)), any<std::uint64_t>(),
                            any<std::uint32_t>(), direct ? 1 + below(4) : 0};
    sample.put(header);
    sample.expect("weft_rdm.total", header.total);
    sample.expect("weft_rdm.sender_operation", header.sender_operation);
    sample.expect("weft_rdm.pieces", header.pieces);
    if (direct) direct_pieces(sample, header.pieces);
    else some_data(sample);
    return sample;
  }
  Sample clear_to_send() {
    Sample sample{.name = "clear to send"};
    const CtsHeader header{begin(sample, PacketType::kCts, 0), any<std::uint32_t>(), any<std::uint32_t>(),
                           any<std::uint64_t>(), any<std::uint64_t>()};
    sample.put(header);
    sample.expect("weft_rdm.sender_operation", header.sender_operation);
    sample.expect("weft_rdm.receiver_operation", header.receiver_operation);
    sample.expect("weft_rdm.window_end", header.window_end);
    sample.expect("weft_rdm.wanted", header.wanted);
    return sample;
  }
  template <typename Header>
  Sample part(PacketType type, const char* operation) {
    Sample sample{.name = "part"};
    const Header header{begin(sample, type, 0), any<std::uint32_t>(), 0, any<std::uint64_t>(), {}};
    sample.put(header);
    std::uint32_t number;
    std::memcpy(&number, reinterpret_cast<const std::byte*>(&header) + sizeof(BaseHeader), sizeof number);
    sample.expect(operation, number);
    sample.expect("weft_rdm.offset", header.offset);
    some_data(sample);
    return sample;
  }
  Sample receipt() {
    Sample sample{.name = "receipt"};
    sample.put(ReceiptHeader{begin(sample, PacketType::kReceipt, 0)});
    return sample;
  }
  Sample write(bool direct) {
    Sample sample{.name = direct ? "write, direct" : "write"};
    const WriteHeader header{begin(sample, PacketType::kWrite, options() | (direct ? unsigned{kDirect} : 0U)),
                             any<std::uint32_t>(), direct ? 1 + below(4) : 0, any<std::uint64_t>(),
                             any<std::uint64_t>(), any<std::uint64_t>(), any<std::uint64_t>()};
    sample.put(header);
    sample.expect("weft_rdm.operation", header.operation);
    sample.expect("weft_rdm.pieces", header.pieces);
    sample.expect("weft_rdm.total", header.total);
    sample.expect("weft_rdm.address", header.address);
    sample.expect("weft_rdm.key", header.key);
    sample.expect("weft_rdm.remote_data", header.remote_data);
    if (direct) direct_pieces(sample, header.pieces);
    else some_data(sample);
    return sample;
  }
  Sample read(bool direct) {
    Sample sample{.name = direct ? "read, direct" : "read"};
    const ReadHeader header{begin(sample, PacketType::kRead, direct ? unsigned{kDirect} : 0U), any<std::uint32_t>(),
                            static_cast<std::uint16_t>(1 + below(4)),
                            static_cast<std::uint16_t>(direct ? 1 + below(4) : 0)};
    sample.put(header);
    sample.expect("weft_rdm.operation", header.operation);
    sample.expect("weft_rdm.pieces", header.pieces);
    sample.expect("weft_rdm.direct_pieces", header.direct_pieces);
    remote_pieces(sample, header.pieces);
    direct_pieces(sample, header.direct_pieces);
    return sample;
  }
  Sample atomic(PacketType type, AtomicOp op) {
    Sample sample{.name = "atomic"};
    const AtomicHeader header{begin(sample, type, options()), any<std::uint32_t>(), any<std::uint32_t>(),
                              any<std::uint64_t>(), op, static_cast<AtomicType>(below(kAtomicTypes)),
                              static_cast<std::uint8_t>(1 + below(3)), {}};
    sample.put(header);
    sample.expect("weft_rdm.operation", header.operation);
    sample.expect("weft_rdm.sequence", header.sequence);
    sample.expect("weft_rdm.remote_data", header.remote_data);
    sample.expect("weft_rdm.atomic.op", static_cast<unsigned>(header.op));
    sample.expect("weft_rdm.atomic.type", static_cast<unsigned>(header.type));
    sample.expect("weft_rdm.pieces", header.pieces);
    const std::size_t elements = remote_pieces(sample, header.pieces);
    if (op != AtomicOp::kRead) sample.append("weft_rdm.atomic.operands", some_bytes(elements));
    if (type == PacketType::kCompareAtomic) sample.append("weft_rdm.atomic.comparands", some_bytes(elements));
    return sample;
  }
  Sample atomic_result() {
    Sample sample{.name = "atomic result"};
    const AtomicResultHeader header{begin(sample, PacketType::kAtomicResult, 0), any<std::uint32_t>(), 0};
    sample.put(header);
    sample.expect("weft_rdm.operation", header.operation);
    some_data(sample);
    return sample;
  }
  Sample done() {
    Sample sample{.name = "done"};
    sample.put(begin(sample, PacketType::kDone, 0));
    for (unsigned count = 1 + below(128); count != 0; --count) {
      sample.whole.push_back(sample.bytes.size());
      const DoneEntry entry{any<std::uint32_t>(), any<std::uint32_t>(), static_cast<RemoteStatus>(below(6))};
      sample.put(entry);
      sample.expect("weft_rdm.operation", entry.operation);
      sample.expect("weft_rdm.done.number", entry.number);
      sample.expect("weft_rdm.done.status", static_cast<unsigned>(entry.status));
    }
    return sample;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace

std::string Sample::hex(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

std::vector<Sample> every_kind(std::uint64_t seed) {
  Maker make(seed);
  std::vector<Sample> all;
  all.push_back(make.headers_only("credit only", srd::kCreditOnly, "weft_srd.header_count"));
  all.push_back(make.headers_only("restart", srd::kRestart, "weft_srd.unknown_session"));
  all.push_back(make.acknowledgement());
  for (const PacketType type : {PacketType::kEagerMessage, PacketType::kEagerTagged}) all.push_back(make.eager(type));
  for (const PacketType type : {PacketType::kMediumMessage, PacketType::kMediumTagged}) all.push_back(make.medium(type));
  for (const PacketType type : {PacketType::kLongCtsMessage, PacketType::kLongCtsTagged})
    for (const bool direct : {false, true}) all.push_back(make.long_message(type, direct));
  all.push_back(make.clear_to_send());
  all.push_back(make.part<CtsDataHeader>(PacketType::kCtsData, "weft_rdm.receiver_operation"));
  all.push_back(make.part<ReadDataHeader>(PacketType::kReadData, "weft_rdm.operation"));
  all.push_back(make.receipt());
  for (const bool direct : {false, true}) all.push_back(make.write(direct));
  for (const bool direct : {false, true}) all.push_back(make.read(direct));
  all.push_back(make.atomic(PacketType::kAtomic, AtomicOp::kSum));
  all.push_back(make.atomic(PacketType::kFetchAtomic, AtomicOp::kRead));
  all.push_back(make.atomic(PacketType::kFetchAtomic, AtomicOp::kBitXor));
  all.push_back(make.atomic(PacketType::kCompareAtomic, AtomicOp::kMaskedSwap));
  all.push_back(make.atomic_result());
  all.push_back(make.done());
  return all;
}

}  // namespace weft::wireshark_test
