#include "fabric/srd/acknowledgement.hpp"

#include <bit>
#include <cstring>

namespace weft::srd {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint8_t kEchoCongested = 1;

struct Head {
  std::uint8_t session, words, echoes, reserved;
  std::uint32_t incarnation;
};
static_assert(sizeof(PacketHeader) + sizeof(Head) == kAcknowledgementHead);

struct WireEcho {
  std::uint32_t psn, delay_ns;
  std::uint8_t path, flags;
  std::uint16_t reserved;
};
static_assert(sizeof(WireEcho) == kEchoBytes);

}  // namespace

std::size_t write_acknowledgement(const Acknowledgement& acknowledgement, PacketHeader header,
                                  std::span<std::byte, kMaxAcknowledgementBytes> packet) {
  header.version = kVersion;
  header.flags |= kAcknowledgement;
  header.acknowledged = acknowledgement.cumulative;
  const Head head{acknowledgement.session, acknowledgement.words, acknowledgement.echoes, 0,
                  acknowledgement.incarnation};
  std::byte* at = packet.data();
  std::memcpy(at, &header, sizeof header);
  std::memcpy(at + sizeof header, &head, sizeof head);
  at += kAcknowledgementHead;
  std::memcpy(at, acknowledgement.bitmap.data(), acknowledgement.words * std::size_t{8});
  at += acknowledgement.words * std::size_t{8};
  for (std::size_t i = 0; i < acknowledgement.echoes; ++i, at += kEchoBytes) {
    const Echo& echo = acknowledgement.echo[i];
    const WireEcho wire{echo.psn, echo.delay_ns, echo.path, echo.congested ? kEchoCongested : std::uint8_t{0}, 0};
    std::memcpy(at, &wire, sizeof wire);
  }
  return static_cast<std::size_t>(at - packet.data());
}

std::optional<Acknowledgement> parse_acknowledgement(std::span<const std::byte> packet) {
  PacketHeader header;
  Head head;
  if (packet.size() < kAcknowledgementHead) return std::nullopt;
  std::memcpy(&header, packet.data(), sizeof header);
  std::memcpy(&head, packet.data() + sizeof header, sizeof head);
  if (header.version != kVersion || (header.flags & kAcknowledgement) == 0) return std::nullopt;
  if (head.words > kBitmapWords || head.echoes > kMaxEchoes) return std::nullopt;
  if (packet.size() != kAcknowledgementHead + head.words * std::size_t{8} + head.echoes * kEchoBytes)
    return std::nullopt;

  std::optional<Acknowledgement> result(std::in_place);
  result->session = head.session;
  result->words = head.words;
  result->echoes = head.echoes;
  result->incarnation = head.incarnation;
  result->cumulative = header.acknowledged;
  const std::byte* at = packet.data() + kAcknowledgementHead;
  std::memcpy(result->bitmap.data(), at, head.words * std::size_t{8});
  at += head.words * std::size_t{8};
  for (std::size_t i = 0; i < head.echoes; ++i, at += kEchoBytes) {
    WireEcho wire;
    std::memcpy(&wire, at, sizeof wire);
    result->echo[i] = {wire.psn, wire.delay_ns, wire.path, (wire.flags & kEchoCongested) != 0};
  }
  return result;
}

}  // namespace weft::srd
