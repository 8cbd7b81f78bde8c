// Who has which wire: two ENIs on one interface would each get the other's frames, and DPDK refuses a device that it has
// already in words that nobody understands.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace weft::ethdev {

/// While it lives, nobody else in this process gets the wire. Any thread.
class Claim {
 public:
  /// `wire`: a PCI address, "interface eth1", a socket and an id. Nothing: somebody has it.
  static std::optional<Claim> take(std::string wire);
  Claim(Claim&& other) noexcept : wire_(std::exchange(other.wire_, {})) {}
  Claim& operator=(Claim&& other) noexcept {
    std::swap(wire_, other.wire_);
    return *this;
  }
  ~Claim();

 private:
  explicit Claim(std::string wire) : wire_(std::move(wire)) {}
  std::string wire_;
};

}  // namespace weft::ethdev
