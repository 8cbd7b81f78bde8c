// A guest's virtio header and its frame: what offload_from_virtio() makes of them stays within the frame, whatever the
// header says, and read back by offload_to_virtio() says the same to another guest.
//
// Input: the header's twelve bytes, then the frame, in a buffer of exactly its length.
#include <cstdint>
#include <cstring>
#include <memory>

#include "drivers/tap/virtio_header.hpp"
#include "tests/fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft;
  VirtioNetHeader header;
  if (size < sizeof header || size > 60'000) return 0;
  std::memcpy(&header, data, sizeof header);
  const auto length = static_cast<std::uint16_t>(size - sizeof header);
  const auto bytes = std::make_unique<std::uint8_t[]>(length);
  std::memcpy(bytes.get(), data + sizeof header, length);

  rte_mbuf frame{};
  frame.buf_addr = bytes.get();
  frame.buf_len = frame.data_len = length;
  frame.pkt_len = length;
  frame.nb_segs = 1;
  offload_from_virtio(header, &frame);

  const bool segment = (frame.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
  const std::uint64_t sum = frame.ol_flags & RTE_MBUF_F_TX_L4_MASK;
  if (!segment && sum != RTE_MBUF_F_TX_TCP_CKSUM && sum != RTE_MBUF_F_TX_UDP_CKSUM) {
    FUZZ_CHECK(std::memcmp(bytes.get(), data + sizeof header, length) == 0 ||
               (header.flags & VirtioNetHeader::kNeedsChecksum) != 0);
    return 0;
  }
  FUZZ_CHECK(frame.l2_len + frame.l3_len + frame.l4_len <= length);
  FUZZ_CHECK(std::memcmp(bytes.get(), data + sizeof header, length) == 0);
  const VirtioNetHeader out = offload_to_virtio(&frame);
  FUZZ_CHECK(out.flags == VirtioNetHeader::kNeedsChecksum && out.checksum_start == header.checksum_start &&
             out.checksum_offset == header.checksum_offset);
  FUZZ_CHECK(!segment || (out.gso_size == header.gso_size && out.header_length <= length));
  return 0;
}
