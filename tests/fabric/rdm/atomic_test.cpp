// Every atomic operation on every type, against a twin that is written from the table in fi_atomic(3): one case per
// operation, on long double and complex values wide enough for every type.
#include "fabric/rdm/atomic.hpp"

#include <gtest/gtest.h>

#include <complex>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace weft::rdm::testing {
namespace {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

template <typename T>
constexpr bool kIsComplex = false;
template <typename T>
constexpr bool kIsComplex<std::complex<T>> = true;
template <typename T>
constexpr bool kIsInteger = !kIsComplex<T> && !std::is_floating_point_v<T>;

template <typename T>
T logical(bool value) {
  return static_cast<T>(value ? 1 : 0);
}

/// The new value, by the words of fi_atomic(3). False: there is no such operation.
template <typename T>
bool twin(AtomicOp op, T there, T operand, T compare, T& next) {
  next = there;
  switch (op) {
    case AtomicOp::kSum:
      if constexpr (kIsInteger<T>) next = static_cast<T>(Uint128(there) + Uint128(operand));
      else next = there + operand;
      return true;
    case AtomicOp::kProduct:
      if constexpr (kIsInteger<T>) next = static_cast<T>(Uint128(there) * Uint128(operand));
      else next = there * operand;
      return true;
    case AtomicOp::kLogicalOr: next = logical<T>(there != T{} || operand != T{}); return true;
    case AtomicOp::kLogicalAnd: next = logical<T>(there != T{} && operand != T{}); return true;
    case AtomicOp::kLogicalXor: next = logical<T>((there != T{}) != (operand != T{})); return true;
    case AtomicOp::kRead: return true;
    case AtomicOp::kWrite: next = operand; return true;
    case AtomicOp::kSwapIfEqual: if (compare == there) next = operand; return true;
    case AtomicOp::kSwapIfNotEqual: if (compare != there) next = operand; return true;
    default: break;
  }
  if constexpr (!kIsComplex<T>) {
    switch (op) {
      case AtomicOp::kMin: if (operand < there) next = operand; return true;
      case AtomicOp::kMax: if (operand > there) next = operand; return true;
      case AtomicOp::kSwapIfLessEqual: if (compare <= there) next = operand; return true;
      case AtomicOp::kSwapIfLess: if (compare < there) next = operand; return true;
      case AtomicOp::kSwapIfGreaterEqual: if (compare >= there) next = operand; return true;
      case AtomicOp::kSwapIfGreater: if (compare > there) next = operand; return true;
      default: break;
    }
  }
  if constexpr (kIsInteger<T>) {
    switch (op) {
      case AtomicOp::kBitOr: next = static_cast<T>(there | operand); return true;
      case AtomicOp::kBitAnd: next = static_cast<T>(there & operand); return true;
      case AtomicOp::kBitXor: next = static_cast<T>(there ^ operand); return true;
      case AtomicOp::kMaskedSwap: next = static_cast<T>((operand & compare) | (there & ~compare)); return true;
      default: break;
    }
  }
  return false;
}

template <typename T>
T draw(std::mt19937_64& random) {
  // Small values, so that comparisons come out either way and often equal; integers of full width now and then.
  if constexpr (kIsComplex<T>) {
    using Part = typename T::value_type;
    return T(static_cast<Part>(random() % 3), static_cast<Part>(random() % 3));
  } else if constexpr (kIsInteger<T>) {
    return static_cast<T>(random() % 4 == 0 ? (Uint128(random()) << 64 | random()) : random() % 3);
  } else {
    return static_cast<T>(static_cast<int>(random() % 5) - 2);
  }
}

template <typename T>
void compare_with_twin(AtomicType type, std::uint64_t seed, std::size_t misalignment) {
  std::mt19937_64 random(seed);
  constexpr std::size_t kCount = 9;
  EXPECT_EQ(size_of(type), sizeof(T));
  for (unsigned number = 0; number < kAtomicOps; ++number) {
    const auto op = static_cast<AtomicOp>(number);
    T ignored{};
    const bool exists = twin<T>(op, T{}, T{}, T{}, ignored);
    const bool compares = op >= AtomicOp::kSwapIfEqual;
    EXPECT_EQ(is_atomic(AtomicKind::kCompare, op, type), exists && compares) << number;
    EXPECT_EQ(is_atomic(AtomicKind::kFetch, op, type), exists && !compares) << number;
    EXPECT_EQ(is_atomic(AtomicKind::kBase, op, type), exists && !compares && op != AtomicOp::kRead) << number;
    if (!exists) continue;
    for (int round = 0; round < 20; ++round) {
      T there[kCount], operand[kCount], compare[kCount], before[kCount], next[kCount];
      for (std::size_t i = 0; i < kCount; ++i) {
        there[i] = draw<T>(random);
        operand[i] = draw<T>(random);
        compare[i] = draw<T>(random);
        twin<T>(op, there[i], operand[i], compare[i], next[i]);
      }
      alignas(16) std::byte memory[sizeof(there) + 32];
      std::memset(memory, 0x5a, sizeof(memory));
      std::byte* const target = memory + misalignment;
      std::memcpy(target, there, sizeof(there));
      const auto bytes = [](T* values) { return reinterpret_cast<std::byte*>(values); };
      apply_atomic(op, type, target, op == AtomicOp::kRead ? nullptr : bytes(operand), compares ? bytes(compare) : nullptr,
                   round % 2 == 0 || op == AtomicOp::kRead ? bytes(before) : nullptr, kCount);
      T after[kCount];
      std::memcpy(static_cast<void*>(after), target, sizeof(after));
      for (std::size_t i = 0; i < kCount; ++i) {
        EXPECT_TRUE(after[i] == next[i]) << "type " << int(type) << " op " << number << " seed " << seed;
        if (round % 2 == 0) {
          EXPECT_TRUE(before[i] == there[i]) << "type " << int(type) << " op " << number;
        }
      }
      EXPECT_EQ(target[sizeof(there)], std::byte{0x5a}) << "nothing behind it";
    }
  }
}

void compare_all(std::uint64_t seed, std::size_t misalignment) {
  compare_with_twin<std::int8_t>(AtomicType::kInt8, seed, misalignment);
  compare_with_twin<std::uint8_t>(AtomicType::kUint8, seed, misalignment);
  compare_with_twin<std::int16_t>(AtomicType::kInt16, seed, misalignment);
  compare_with_twin<std::uint16_t>(AtomicType::kUint16, seed, misalignment);
  compare_with_twin<std::int32_t>(AtomicType::kInt32, seed, misalignment);
  compare_with_twin<std::uint32_t>(AtomicType::kUint32, seed, misalignment);
  compare_with_twin<std::int64_t>(AtomicType::kInt64, seed, misalignment);
  compare_with_twin<std::uint64_t>(AtomicType::kUint64, seed, misalignment);
  compare_with_twin<float>(AtomicType::kFloat, seed, misalignment);
  compare_with_twin<double>(AtomicType::kDouble, seed, misalignment);
  compare_with_twin<std::complex<float>>(AtomicType::kFloatComplex, seed, misalignment);
  compare_with_twin<std::complex<double>>(AtomicType::kDoubleComplex, seed, misalignment);
  compare_with_twin<long double>(AtomicType::kLongDouble, seed, misalignment);
  compare_with_twin<std::complex<long double>>(AtomicType::kLongDoubleComplex, seed, misalignment);
  compare_with_twin<Int128>(AtomicType::kInt128, seed, misalignment);
  compare_with_twin<Uint128>(AtomicType::kUint128, seed, misalignment);
}

TEST(Atomic, every_operation_on_every_type_does_what_the_manual_says) { compare_all(std::random_device{}(), 0); }

TEST(Atomic, memory_may_lie_at_any_address) { compare_all(std::random_device{}(), 3); }

TEST(Atomic, numbers_that_mean_nothing_are_no_operation) {
  EXPECT_FALSE(is_atomic(AtomicKind::kBase, static_cast<AtomicOp>(kAtomicOps), AtomicType::kInt8));
  EXPECT_FALSE(is_atomic(AtomicKind::kBase, AtomicOp::kSum, static_cast<AtomicType>(kAtomicTypes)));
  EXPECT_FALSE(is_atomic(AtomicKind::kFetch, static_cast<AtomicOp>(255), static_cast<AtomicType>(255)));
  EXPECT_EQ(size_of(static_cast<AtomicType>(200)), 0u);
}

TEST(Atomic, threads_that_use_the_processors_atomics_on_the_same_memory_lose_nothing) {
  alignas(8) std::uint64_t word = 0;
  constexpr int kEach = 20'000;
  std::thread other([&] {
    for (int i = 0; i < kEach; ++i) __atomic_fetch_add(&word, 1, __ATOMIC_RELAXED);
  });
  const std::uint64_t one = 1;
  for (int i = 0; i < kEach; ++i) {
    apply_atomic(AtomicOp::kSum, AtomicType::kUint64, reinterpret_cast<std::byte*>(&word),
                 reinterpret_cast<const std::byte*>(&one), nullptr, nullptr, 1);
  }
  other.join();
  EXPECT_EQ(word, 2u * kEach);
}

}  // namespace
}  // namespace weft::rdm::testing
