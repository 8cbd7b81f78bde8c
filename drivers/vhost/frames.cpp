#include "drivers/vhost/frames.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include "drivers/tap/virtio_header.hpp"

namespace weft {
namespace {

constexpr std::uint32_t kEthernetBytes = 14;
constexpr std::uint32_t kLongestFrame = 18 + 65535;  // a super-segment with a VLAN tag
constexpr unsigned kMostMerged = 64;                 // 64 KiB in buffers of 1526 bytes are 44
constexpr std::uint32_t kFewRooms = 4;               // a frame of 9001 bytes: large rooms are for super-segments

std::uint32_t header_bytes(const GuestOffloads& guest) noexcept {
  return guest.long_header ? sizeof(VirtioNetHeader) : kVirtioNetHeaderBytes;
}

/// A place in the guest's pieces that goes forward. The caller knows that there is as much as it asks for.
class Cursor {
 public:
  explicit Cursor(const GuestPieces& pieces) noexcept : pieces_(pieces) {}

  template <typename Move>
  void go(std::uint32_t bytes, Move&& move) noexcept {
    while (bytes != 0) {
      const GuestPiece& piece = pieces_[number_];
      const std::uint32_t here = std::min(bytes, piece.bytes - offset_);
      move(piece.data + offset_, here);
      bytes -= here;
      offset_ += here;
      if (offset_ == piece.bytes) ++number_, offset_ = 0;
    }
  }
  void read(void* to, std::uint32_t bytes) noexcept {
    auto* at = static_cast<std::byte*>(to);
    go(bytes, [&](const std::byte* from, std::uint32_t here) {
      rte_memcpy(at, from, here);
      at += here;
    });
  }
  void write(const void* from, std::uint32_t bytes) noexcept {
    const auto* at = static_cast<const std::byte*>(from);
    go(bytes, [&](std::byte* to, std::uint32_t here) {
      rte_memcpy(to, at, here);
      at += here;
    });
  }

 private:
  const GuestPieces& pieces_;
  unsigned number_ = 0;
  std::uint32_t offset_ = 0;
};

/// An mbuf, or a chain, with `bytes` of the guest's. Null: the pool is empty.
rte_mbuf* copy_frame(Cursor& from, std::uint32_t bytes, const FrameRooms& rooms) noexcept {
  rte_mbuf* const head = rte_pktmbuf_alloc(rooms.pool);
  if (head == nullptr) return nullptr;
  head->pkt_len = bytes;
  rte_mbuf* last = head;
  for (;;) {
    const std::uint32_t here = std::min<std::uint32_t>(bytes, rte_pktmbuf_tailroom(last));
    from.read(rte_pktmbuf_mtod(last, void*), here);
    last->data_len = static_cast<std::uint16_t>(here);
    bytes -= here;
    if (bytes == 0) return head;
    const bool large = rooms.large_pool != nullptr && bytes > kFewRooms * here;
    rte_mbuf* more = large ? rte_pktmbuf_alloc(rooms.large_pool) : nullptr;
    if (more == nullptr) more = rte_pktmbuf_alloc(rooms.pool);
    if (more == nullptr) {
      rte_pktmbuf_free(head);
      return nullptr;
    }
    last->next = more;
    last = more;
    ++head->nb_segs;
  }
}

/// Whether the guest still takes what the engine has made for it: another one may have connected since.
bool takes(const GuestOffloads& guest, const rte_mbuf* frame) noexcept {
  if ((frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
    return guest.checksum && ((frame->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ? guest.tso6 : guest.tso4);
  return (frame->ol_flags & RTE_MBUF_F_TX_L4_MASK) == 0 || guest.checksum;
}

VirtioNetHeader header_for(const GuestOffloads& guest, const rte_mbuf* frame, unsigned buffers) noexcept {
  VirtioNetHeader header = guest.checksum ? offload_to_virtio(frame) : VirtioNetHeader{};
  if (!guest.tso_ecn) header.gso_type &= static_cast<std::uint8_t>(~VirtioNetHeader::kGsoEcn);
  header.merged_buffers = static_cast<std::uint16_t>(buffers);
  return header;
}

/// As many of the guest's buffers as a frame needs.
struct Buffers {
  unsigned count = 0;
  std::array<ChainHandle, kMostMerged> chain;
  std::array<std::uint32_t, kMostMerged> bytes;
};

enum class Reserved : std::uint8_t { kYes, kNo, kBroken };

template <typename Ring>
Reserved reserve(Ring& ring, const GuestMemory& memory, std::uint32_t bytes, unsigned most, GuestPieces& pieces,
                 Buffers& buffers) noexcept {
  const typename Ring::Mark mark = ring.mark();
  pieces.clear();
  buffers.count = 0;
  while (pieces.bytes() < bytes) {
    const std::uint64_t before = pieces.bytes();
    const Take taken = buffers.count == most ? Take::kNone : ring.take(memory, pieces, buffers.chain[buffers.count]);
    if (taken != Take::kChain) {
      ring.back_to(mark);
      return taken == Take::kBroken ? Reserved::kBroken : Reserved::kNo;
    }
    buffers.bytes[buffers.count++] =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(pieces.bytes() - before, UINT32_MAX));
  }
  return Reserved::kYes;
}

}  // namespace

template <typename Ring>
Moved receive_frames(Ring& ring, const GuestMemory& memory, const GuestOffloads& guest, const FrameRooms& rooms,
                     std::span<rte_mbuf*> burst) noexcept {
  Moved moved;
  GuestPieces pieces;
  bool gave_back = false;
  for (std::size_t tries = 0; tries < burst.size(); ++tries) {
    const typename Ring::Mark mark = ring.mark();
    ChainHandle chain;
    pieces.clear();
    const Take taken = ring.take(memory, pieces, chain);
    moved.broken = taken == Take::kBroken;
    if (taken != Take::kChain) break;

    const std::uint64_t bytes = pieces.bytes() - std::min<std::uint64_t>(pieces.bytes(), header_bytes(guest));
    if (bytes >= kEthernetBytes && bytes <= kLongestFrame) {
      VirtioNetHeader header{};
      Cursor cursor(pieces);
      cursor.read(&header, header_bytes(guest));
      rte_mbuf* const frame = copy_frame(cursor, static_cast<std::uint32_t>(bytes), rooms);
      if (frame == nullptr) {
        ring.back_to(mark);
        break;
      }
      offload_from_virtio(header, frame);
      burst[moved.frames++] = frame;
    }  // else it is no frame: the guest gets its buffer back, and nobody hears of it
    ring.give_back(chain, 0);
    gave_back = true;
  }
  moved.interrupt = gave_back && ring.publish();
  return moved;
}

template <typename Ring>
Moved transmit_frames(Ring& ring, const GuestMemory& memory, const GuestOffloads& guest,
                      std::span<rte_mbuf* const> burst) noexcept {
  Moved moved;
  GuestPieces pieces;
  Buffers buffers;
  const unsigned most = guest.merged_buffers ? kMostMerged : 1;
  for (const rte_mbuf* const frame : burst) {
    if (!takes(guest, frame)) break;
    const std::uint32_t head = header_bytes(guest);
    const Reserved reserved = reserve(ring, memory, head + frame->pkt_len, most, pieces, buffers);
    moved.broken = reserved == Reserved::kBroken;
    if (reserved != Reserved::kYes) break;

    const VirtioNetHeader header = header_for(guest, frame, buffers.count);
    Cursor cursor(pieces);
    cursor.write(&header, head);
    for (const rte_mbuf* piece = frame; piece != nullptr; piece = piece->next)
      cursor.write(rte_pktmbuf_mtod(piece, const void*), piece->data_len);

    std::uint32_t left = head + frame->pkt_len;
    for (unsigned i = 0; i < buffers.count; ++i) {
      const std::uint32_t written = std::min(left, buffers.bytes[i]);
      ring.give_back(buffers.chain[i], written);
      left -= written;
    }
    ++moved.frames;
  }
  if (moved.frames == 0) return moved;
  moved.interrupt = ring.publish();
  rte_pktmbuf_free_bulk(const_cast<rte_mbuf**>(burst.data()), moved.frames);
  return moved;
}

template Moved receive_frames(SplitRing&, const GuestMemory&, const GuestOffloads&, const FrameRooms&,
                              std::span<rte_mbuf*>) noexcept;
template Moved receive_frames(PackedRing&, const GuestMemory&, const GuestOffloads&, const FrameRooms&,
                              std::span<rte_mbuf*>) noexcept;
template Moved transmit_frames(SplitRing&, const GuestMemory&, const GuestOffloads&, std::span<rte_mbuf* const>) noexcept;
template Moved transmit_frames(PackedRing&, const GuestMemory&, const GuestOffloads&, std::span<rte_mbuf* const>) noexcept;

}  // namespace weft
