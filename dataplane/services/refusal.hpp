// Why there is no answer. The caller turns these into drop reasons (dataplane/observe/drop_reason.hpp), which this
// folder does not know.
//
// X(symbol, name, sentence)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// clang-format off
#define WEFT_REFUSALS(X)                                                                                              \
  X(Malformed,        "service-malformed",    "the request is too short, or its fields contradict each other")        \
  X(Fragment,         "service-fragment",     "a service of the fabric does not put fragments together")              \
  X(NotOffered,       "service-not-offered",  "the fabric offers no such service at this address and port")           \
  X(NotARequest,      "service-no-request",   "the message is none that a client sends to a server")                  \
  X(NotYours,         "service-not-yours",    "the request speaks for another client or to another server")           \
  X(NoAddress,        "service-no-address",   "the ENI or its subnet has no address of this family")                  \
  X(NeighbourUnknown, "neighbour-unanswered", "nobody in this subnet has the address that the solicitation asks for") \
  X(ResolverOff,      "resolver-off",         "the VPC has dns_support: false, so the resolver does not answer")      \
  X(NoRoom,           "service-no-room",      "the answer is longer than the buffer that was given for it")
// clang-format on

namespace weft::services {

enum class Refusal : std::uint8_t {
#define WEFT_ENUM(symbol, name, sentence) k##symbol,
  WEFT_REFUSALS(WEFT_ENUM)
#undef WEFT_ENUM
};

inline constexpr std::string_view kRefusalNames[] = {
#define WEFT_NAME(symbol, name, sentence) name,
    WEFT_REFUSALS(WEFT_NAME)
#undef WEFT_NAME
};

inline constexpr std::string_view kRefusalSentences[] = {
#define WEFT_SENTENCE(symbol, name, sentence) sentence,
    WEFT_REFUSALS(WEFT_SENTENCE)
#undef WEFT_SENTENCE
};

inline constexpr std::size_t kRefusals = sizeof(kRefusalNames) / sizeof(kRefusalNames[0]);

constexpr std::string_view name(Refusal why) { return kRefusalNames[static_cast<std::size_t>(why)]; }
constexpr std::string_view sentence(Refusal why) { return kRefusalSentences[static_cast<std::size_t>(why)]; }

/// What became of a request.
struct Answer {
  enum class Outcome : std::uint8_t {
    kNotForUs,  // ordinary traffic: the rest of the pipeline decides
    kAnswered,  // `length` bytes were written
    kConsumed,  // dealt with, and nothing is to be said
    kDropped,   // for `why`
  };
  Outcome outcome = Outcome::kNotForUs;
  Refusal why = Refusal::kMalformed;  // of kDropped
  std::size_t length = 0;             // of kAnswered

  static constexpr Answer not_for_us() { return {}; }
  static constexpr Answer consumed() { return {Outcome::kConsumed, Refusal::kMalformed, 0}; }
  static constexpr Answer dropped(Refusal why) { return {Outcome::kDropped, why, 0}; }
  static constexpr Answer answered(std::size_t length) { return {Outcome::kAnswered, Refusal::kMalformed, length}; }
  constexpr bool operator==(const Answer&) const = default;
};

}  // namespace weft::services
