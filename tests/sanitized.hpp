// Whether a sanitizer watches, and what that changes. Comparisons on random input run whole in the plain build. Under a
// sanitizer, in which they are five times as slow, the first of the same seeds run: what it looks for is memory, undefined
// behaviour and assertions, not the comparison.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define WEFT_THREAD_SANITIZED 1
#elif defined(__SANITIZE_ADDRESS__)
#define WEFT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_THREAD_SANITIZED 1
#elif __has_feature(address_sanitizer)
#define WEFT_SANITIZED 1
#endif
#endif
#ifdef WEFT_THREAD_SANITIZED
#define WEFT_SANITIZED 1
#endif

namespace weft::test {

#ifdef WEFT_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

#ifdef WEFT_THREAD_SANITIZED
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

constexpr unsigned seeds(unsigned whole, unsigned under_a_sanitizer) { return kSanitized ? under_a_sanitizer : whole; }

}  // namespace weft::test
