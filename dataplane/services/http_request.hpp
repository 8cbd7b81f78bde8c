// An HTTP request of a client of instance metadata (RFC 9112): its first line, and the few fields that matter here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weft::services {

enum class HttpMethod : std::uint8_t { kGet, kHead, kPut, kOther };

struct HttpRequest {
  enum class State : std::uint8_t {
    kMore,   // not all of it has come
    kWhole,
    kWrong,  // `status` says how; the connection cannot go on
  };
  State state = State::kMore;
  std::uint16_t status = 400;  // of kWrong
  std::size_t length = 0;      // with its body, which nobody reads
  HttpMethod method = HttpMethod::kOther;
  std::string_view path;  // as it was written, without host and query
  bool keep_alive = false;
  bool forwarded = false;       // X-Forwarded-For
  bool has_token = false;       // X-aws-ec2-metadata-token
  bool has_token_seconds = false;
  std::string_view token;
  std::string_view token_seconds;  // X-aws-ec2-metadata-token-ttl-seconds
};

/// The first request of `asked`, which its views point into. `most`: the longest that the caller can keep.
HttpRequest read_http(std::span<const std::byte> asked, std::size_t most) noexcept;

}  // namespace weft::services
