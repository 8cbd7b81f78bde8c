#include "fabric/rdm/atomic.hpp"

#include <complex>
#include <cstring>
#include <type_traits>

namespace weft::rdm {

namespace {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

template <typename T>
struct IsComplex : std::false_type {};
template <typename T>
struct IsComplex<std::complex<T>> : std::true_type {};

// With -std=c++20 the 128-bit integers are not std::is_integral.
template <typename T>
constexpr bool kInteger = std::is_integral_v<T> || std::is_same_v<T, Int128> || std::is_same_v<T, Uint128>;
template <typename T>
constexpr bool kOrdered = !IsComplex<T>::value;

/// Wide enough that no sum or product of two T overflows as a signed number: that would be undefined.
template <typename T>
using Wrapping = std::conditional_t<sizeof(T) <= 8, std::uint64_t, Uint128>;

template <typename T>
T sum(T a, T b) {
  if constexpr (kInteger<T>) return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  else return a + b;
}

template <typename T>
T product(T a, T b) {
  if constexpr (kInteger<T>) return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
  else return a * b;
}

template <typename T>
T truth(bool value) {
  return static_cast<T>(value ? 1 : 0);
}
template <typename T>
bool is_true(T value) {
  return value != T{};
}

/// What is to stand there after the operation. Combinations that do not exist leave it as it is.
template <typename T>
T combine(AtomicOp op, T there, T operand, T compare) {
  if constexpr (kInteger<T>) {
    switch (op) {
      case AtomicOp::kBitOr: return static_cast<T>(there | operand);
      case AtomicOp::kBitAnd: return static_cast<T>(there & operand);
      case AtomicOp::kBitXor: return static_cast<T>(there ^ operand);
      case AtomicOp::kMaskedSwap: return static_cast<T>((operand & compare) | (there & ~compare));
      default: break;
    }
  }
  if constexpr (kOrdered<T>) {
    switch (op) {
      case AtomicOp::kMin: return operand < there ? operand : there;
      case AtomicOp::kMax: return operand > there ? operand : there;
      case AtomicOp::kSwapIfLessEqual: return compare <= there ? operand : there;
      case AtomicOp::kSwapIfLess: return compare < there ? operand : there;
      case AtomicOp::kSwapIfGreaterEqual: return compare >= there ? operand : there;
      case AtomicOp::kSwapIfGreater: return compare > there ? operand : there;
      default: break;
    }
  }
  switch (op) {
    case AtomicOp::kSum: return sum(there, operand);
    case AtomicOp::kProduct: return product(there, operand);
    case AtomicOp::kLogicalOr: return truth<T>(is_true(there) || is_true(operand));
    case AtomicOp::kLogicalAnd: return truth<T>(is_true(there) && is_true(operand));
    case AtomicOp::kLogicalXor: return truth<T>(is_true(there) != is_true(operand));
    case AtomicOp::kWrite: return operand;
    case AtomicOp::kSwapIfEqual: return compare == there ? operand : there;
    case AtomicOp::kSwapIfNotEqual: return compare != there ? operand : there;
    default: return there;
  }
}

template <std::size_t size>
using Word = std::conditional_t<
    size == 1, std::uint8_t,
    std::conditional_t<size == 2, std::uint16_t, std::conditional_t<size == 4, std::uint32_t, std::uint64_t>>>;

template <typename T>
T load(const std::byte* from) {
  T value{};
  if (from) std::memcpy(static_cast<void*>(&value), from, sizeof(T));
  return value;
}

template <typename T>
T exchange(AtomicOp op, std::byte* target, T operand, T compare) {
  if constexpr (sizeof(T) <= 8) {
    if (reinterpret_cast<std::uintptr_t>(target) % sizeof(T) == 0) {
      auto* const word = reinterpret_cast<Word<sizeof(T)>*>(target);
      Word<sizeof(T)> before = __atomic_load_n(word, __ATOMIC_ACQUIRE);
      for (;;) {
        T there;
        std::memcpy(static_cast<void*>(&there), &before, sizeof(T));
        if (op == AtomicOp::kRead) return there;
        const T next = combine(op, there, operand, compare);
        Word<sizeof(T)> after;
        std::memcpy(&after, &next, sizeof(T));
        if (__atomic_compare_exchange_n(word, &before, after, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return there;
      }
    }
  }
  const T there = load<T>(target);
  const T next = combine(op, there, operand, compare);
  if (op != AtomicOp::kRead) std::memcpy(target, &next, sizeof(T));
  return there;
}

template <typename T>
void apply(AtomicOp op, std::byte* target, const std::byte* operand, const std::byte* compare, std::byte* result,
           std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i * sizeof(T);
    const T before = exchange(op, target + at, load<T>(operand ? operand + at : nullptr),
                              load<T>(compare ? compare + at : nullptr));
    if (result) std::memcpy(result + at, &before, sizeof(T));
  }
}

/// visit(T{}) with the C++ type of that number.
template <typename Visit>
auto with_type(AtomicType type, Visit&& visit) {
  switch (type) {
    case AtomicType::kInt8: return visit(std::int8_t{});
    case AtomicType::kUint8: return visit(std::uint8_t{});
    case AtomicType::kInt16: return visit(std::int16_t{});
    case AtomicType::kUint16: return visit(std::uint16_t{});
    case AtomicType::kInt32: return visit(std::int32_t{});
    case AtomicType::kUint32: return visit(std::uint32_t{});
    case AtomicType::kInt64: return visit(std::int64_t{});
    case AtomicType::kUint64: return visit(std::uint64_t{});
    case AtomicType::kFloat: return visit(float{});
    case AtomicType::kDouble: return visit(double{});
    case AtomicType::kFloatComplex: return visit(std::complex<float>{});
    case AtomicType::kDoubleComplex: return visit(std::complex<double>{});
    case AtomicType::kLongDouble: return visit(static_cast<long double>(0));
    case AtomicType::kLongDoubleComplex: return visit(std::complex<long double>{});
    case AtomicType::kInt128: return visit(Int128{});
    case AtomicType::kUint128: break;
  }
  return visit(Uint128{});
}

bool is_type(AtomicType type) { return static_cast<unsigned>(type) < kAtomicTypes; }

bool suits(AtomicOp op, AtomicType type) {
  return with_type(type, [op]<typename T>(T) {
    switch (op) {
      case AtomicOp::kBitOr:
      case AtomicOp::kBitAnd:
      case AtomicOp::kBitXor:
      case AtomicOp::kMaskedSwap: return kInteger<T>;
      case AtomicOp::kMin:
      case AtomicOp::kMax:
      case AtomicOp::kSwapIfLessEqual:
      case AtomicOp::kSwapIfLess:
      case AtomicOp::kSwapIfGreaterEqual:
      case AtomicOp::kSwapIfGreater: return kOrdered<T>;
      default: return true;
    }
  });
}

}  // namespace

std::size_t size_of(AtomicType type) {
  if (!is_type(type)) return 0;
  return with_type(type, []<typename T>(T) { return sizeof(T); });
}

bool is_atomic(AtomicKind kind, AtomicOp op, AtomicType type) {
  if (!is_type(type) || static_cast<unsigned>(op) >= kAtomicOps) return false;
  const bool compares = op >= AtomicOp::kSwapIfEqual;
  if (compares != (kind == AtomicKind::kCompare)) return false;
  if (op == AtomicOp::kRead && kind != AtomicKind::kFetch) return false;
  return suits(op, type);
}

void apply_atomic(AtomicOp op, AtomicType type, std::byte* target, const std::byte* operand, const std::byte* compare,
                  std::byte* result, std::size_t count) {
  with_type(type, [&]<typename T>(T) { apply<T>(op, target, operand, compare, result, count); });
}

}  // namespace weft::rdm
