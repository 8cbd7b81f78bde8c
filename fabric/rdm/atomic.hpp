// Atomic operations on memory: every operation on every type. The numbers of both are libfabric's (fi_atomic(3)) and
// travel in packets.
//
// An element of up to 8 bytes at its natural alignment is changed by compare-and-swap, so that threads and other
// processes that use the processor's atomics on the same memory see it whole. Larger ones (complex, long double, 128 bit)
// are whole only for those who come through the same domain, which is all that fi_atomic(3) asks for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::rdm {

enum class AtomicType : std::uint8_t {
  kInt8, kUint8, kInt16, kUint16, kInt32, kUint32, kInt64, kUint64,
  kFloat, kDouble, kFloatComplex, kDoubleComplex, kLongDouble, kLongDoubleComplex, kInt128, kUint128,
};
inline constexpr unsigned kAtomicTypes = 16;

enum class AtomicOp : std::uint8_t {
  kMin, kMax, kSum, kProduct, kLogicalOr, kLogicalAnd, kBitOr, kBitAnd, kLogicalXor, kBitXor, kRead, kWrite,
  kSwapIfEqual, kSwapIfNotEqual, kSwapIfLessEqual, kSwapIfLess, kSwapIfGreaterEqual, kSwapIfGreater, kMaskedSwap,
};
inline constexpr unsigned kAtomicOps = 19;

enum class AtomicKind : std::uint8_t { kBase, kFetch, kCompare };

/// Bytes of one element; 0 for a number that is no type.
std::size_t size_of(AtomicType type);

/// Whether the operation exists for this type and kind. Any numbers may be asked about.
bool is_atomic(AtomicKind kind, AtomicOp op, AtomicType type);

/// The operation must exist. `target` needs no alignment. `operand` is not read by kRead, `compare` only by kCompare
/// operations; `result`, unless null, gets what was there before.
void apply_atomic(AtomicOp op, AtomicType type, std::byte* target, const std::byte* operand, const std::byte* compare,
                  std::byte* result, std::size_t count);

}  // namespace weft::rdm
