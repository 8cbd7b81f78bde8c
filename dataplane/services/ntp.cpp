#include "dataplane/services/ntp.hpp"

#include "dataplane/services/bytes.hpp"

namespace weft::services {
namespace {

constexpr std::uint8_t kClientMode = 3;
constexpr std::uint8_t kServerMode = 4;
constexpr std::uint64_t kSecondsTo1970 = 2208988800;
constexpr std::uint64_t kSecond_ns = 1000000000;
constexpr std::uint8_t kStratum = 3;                   // as EC2's documentation shows it (facts ec2 7.5)
constexpr std::uint8_t kPrecision = 0xec;              // 2^-20 s
constexpr std::uint32_t kRootDelay = 0x0000000a;       // in 2^-16 s: 150 us
constexpr std::uint32_t kRootDispersion = 0x00000010;  // 240 us
constexpr std::uint32_t kReference = 0x7f7f0100;       // 127.127.1.0: the clock of the machine itself
constexpr std::uint64_t kReferenceInterval_s = 16;     // it was "set" at the last multiple of this

struct Timestamp {
  Be32 seconds;
  Be32 fraction;
};

struct NtpPacket {
  std::uint8_t leap_version_mode = 0;
  std::uint8_t stratum = 0;
  std::uint8_t poll = 0;
  std::uint8_t precision = 0;
  Be32 root_delay;
  Be32 root_dispersion;
  Be32 reference_id;
  Timestamp reference;
  Timestamp origin;
  Timestamp receive;
  Timestamp transmit;
};
static_assert(sizeof(NtpPacket) == 48 && alignof(NtpPacket) == 1);

Timestamp timestamp(std::uint64_t unix_ns) {
  const std::uint64_t value = ntp_timestamp(unix_ns);
  return {Be32(static_cast<std::uint32_t>(value >> 32)), Be32(static_cast<std::uint32_t>(value))};
}

}  // namespace

std::uint64_t ntp_timestamp(std::uint64_t unix_ns) noexcept {
  const std::uint64_t seconds = unix_ns / kSecond_ns + kSecondsTo1970;  // eras wrap by themselves, RFC 5905 6
  const std::uint64_t fraction = ((unix_ns % kSecond_ns) << 32) / kSecond_ns;
  return seconds << 32 | fraction;
}

Answer answer_ntp(std::uint64_t now_unix_ns, std::span<const std::byte> request, std::span<std::byte> out) noexcept {
  Reader reader(request);
  const auto asked = reader.read<NtpPacket>();  // extension fields and MACs behind it are not looked at
  if (!reader.ok()) return Answer::dropped(Refusal::kMalformed);
  const unsigned version = asked.leap_version_mode >> 3 & 7;
  if ((asked.leap_version_mode & 7) != kClientMode || version < 3 || version > 4)
    return Answer::dropped(Refusal::kNotARequest);

  NtpPacket answer;
  answer.leap_version_mode = static_cast<std::uint8_t>(version << 3 | kServerMode);
  answer.stratum = kStratum;
  answer.poll = asked.poll;
  answer.precision = kPrecision;
  answer.root_delay = Be32(kRootDelay);
  answer.root_dispersion = Be32(kRootDispersion);
  answer.reference_id = Be32(kReference);
  answer.reference = timestamp(now_unix_ns - now_unix_ns % (kReferenceInterval_s * kSecond_ns));
  answer.origin = asked.transmit;
  answer.receive = answer.transmit = timestamp(now_unix_ns);
  Writer writer(out);
  writer.write(answer);
  return writer.ok() ? Answer::answered(writer.size()) : Answer::dropped(Refusal::kNoRoom);
}

}  // namespace weft::services
