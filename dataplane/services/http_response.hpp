// An HTTP response as the metadata service of EC2 writes it: its body first, then the head, which says how long it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/services/bytes.hpp"

namespace weft::services {

class HttpResponse {
 public:
  explicit HttpResponse(std::span<std::byte> room) noexcept;

  Writer& body() noexcept { return body_; }
  /// Instead of what the body had. `allow`: of 405.
  void fail(std::uint16_t status, std::string_view allow = {}) noexcept;
  void set_token_seconds(std::uint32_t seconds) noexcept { token_seconds_ = seconds; }

  /// The bytes of `room` that are the response; 0: it does not fit. `head_only`: of HEAD.
  std::size_t finish(std::uint64_t now_unix_ns, bool keep_alive, bool head_only) noexcept;

 private:
  static constexpr std::size_t kHeadBytes = 512;

  std::span<std::byte> room_;
  Writer body_;
  std::uint16_t status_ = 200;
  std::string_view allow_;
  std::optional<std::uint32_t> token_seconds_;
};

}  // namespace weft::services
