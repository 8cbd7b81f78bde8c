// Cursors over bytes: Reader for what a guest wrote, Writer for what it gets. Neither can leave its span, neither
// allocates, and both remember that something did not fit, so a parser reads its fields and asks once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "dataplane/net/address.hpp"

namespace weft::services {

/// After the first read past the end ok() is false and every read gives zeros.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  bool ok() const noexcept { return ok_; }
  std::size_t left() const noexcept { return bytes_.size() - at_; }
  std::size_t offset() const noexcept { return at_; }

  std::span<const std::byte> take(std::size_t count) noexcept {
    if (!ok_ || count > left()) {
      ok_ = false;
      at_ = bytes_.size();
      return {};
    }
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  std::span<const std::byte> rest() noexcept { return take(left()); }

  template <typename Wire>
  Wire read() noexcept {
    static_assert(std::is_trivially_copyable_v<Wire>);
    Wire value{};
    const auto from = take(sizeof(Wire));
    if (!from.empty()) std::memcpy(&value, from.data(), sizeof(Wire));
    return value;
  }
  std::uint8_t u8() noexcept { return read<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return read<Be16>().host(); }
  std::uint32_t u32() noexcept { return read<Be32>().host(); }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// What does not fit is not written at all, and ok() is false until rewind().
class Writer {
 public:
  explicit Writer(std::span<std::byte> room) noexcept : room_(room) {}

  bool ok() const noexcept { return ok_; }
  std::size_t size() const noexcept { return at_; }
  std::size_t left() const noexcept { return room_.size() - at_; }

  void bytes(std::span<const std::byte> from) noexcept {
    if (!ok_ || from.size() > left()) {
      ok_ = false;
      return;
    }
    if (!from.empty()) std::memcpy(room_.data() + at_, from.data(), from.size());
    at_ += from.size();
  }
  void text(std::string_view from) noexcept { bytes(std::as_bytes(std::span(from))); }
  template <typename Wire>
  void write(const Wire& value) noexcept {
    static_assert(std::is_trivially_copyable_v<Wire> && !std::is_pointer_v<Wire>);
    bytes(std::as_bytes(std::span(&value, 1)));
  }
  void u8(std::uint8_t value) noexcept { write(value); }
  void u16(std::uint16_t value) noexcept { write(Be16(value)); }
  void u32(std::uint32_t value) noexcept { write(Be32(value)); }
  void zeros(std::size_t count) noexcept {
    if (!ok_ || count > left()) {
      ok_ = false;
      return;
    }
    std::memset(room_.data() + at_, 0, count);
    at_ += count;
  }

  /// Back to an earlier size(), with everything after it forgotten, a failure too.
  void rewind(std::size_t size) noexcept {
    at_ = size;
    ok_ = true;
  }
  /// Overwrites a field that has been written: a length, a count.
  void patch_u16(std::size_t at, std::uint16_t value) noexcept {
    const Be16 field(value);
    if (at + sizeof field <= at_) std::memcpy(room_.data() + at, &field, sizeof field);
  }

 private:
  std::span<std::byte> room_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace weft::services
