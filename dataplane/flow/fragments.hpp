// Which flow an IP fragment belongs to. Only the first fragment of a packet has the ports; it leaves them here, and the
// later ones, which name it by addresses and identification (RFC 791 3.2, RFC 8200 4.5), take them from here. Nothing is
// put together: each fragment passes by the flow of its first one, or not at all.
//
// A later fragment that comes before its first is not known, and one that lies over what the first one brought is
// refused: it would change the ports behind the gates' backs (RFC 1858, 5722).
// Thread: one worker. The guests' part of the table is theirs: whoever begins packets without end crowds out his own,
// and those of the few ENIs that share his page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "dataplane/flow/timeouts.hpp"
#include "dataplane/net/address.hpp"

namespace weft {

/// RFC 8200 4.5 gives up on a packet after 60 s; IPv4's hosts wait as long or shorter (RFC 1122 3.3.2).
inline constexpr std::uint32_t kFragmentTimeout = 60 * kTicksPerSecond;

struct FragmentId {
  IpAddress source, destination;
  std::uint32_t identification = 0;
  std::uint16_t eni = 0xffff;     // it came in at; 0xffff is nobody
  std::uint8_t protocol = 0;      // IPv4 only: IPv6 goes by the other three
  std::uint8_t reserved[5] = {};  // always 0
  bool operator==(const FragmentId& other) const noexcept;
};
static_assert(sizeof(FragmentId) == 44);

/// What the first fragment said.
struct FirstFragment {
  std::uint16_t source_port = 0, destination_port = 0;  // as in the flow's key
  std::uint16_t service = 0;                            // as gates want it: destination port, or ICMP's type << 8 | code
  std::uint16_t bytes = 0;                              // of the packet that the first fragment has: others begin behind
  std::uint8_t protocol = 0;
  std::uint8_t kind = 0;                                // the caller's
};

class FragmentTable {
 public:
  FragmentTable();  // throws std::bad_alloc; memory is taken when it is first written
  FragmentTable(const FragmentTable&) = delete;
  FragmentTable& operator=(const FragmentTable&) = delete;

  /// A first fragment. It takes the place of another packet's, perhaps.
  void remember(const FragmentId& id, const FirstFragment& first, std::uint32_t now) noexcept;
  /// For a later fragment that begins `offset` bytes into the payload; null: its first one is not known, or lies there.
  const FirstFragment* find(const FragmentId& id, std::uint32_t offset, std::uint32_t now) const noexcept;

  static constexpr std::size_t kPages = 32;
  static constexpr std::size_t kPacketsOfAPage = 128;

 private:
  struct Record {
    FragmentId id;
    FirstFragment first;
    std::uint32_t seen = 0;
    std::uint32_t used = 0;  // 0: never written
  };
  struct Free {
    void operator()(Record* records) const noexcept { std::free(records); }
  };
  static std::size_t place(const FragmentId& id) noexcept;

  std::unique_ptr<Record[], Free> records_;
};

}  // namespace weft
