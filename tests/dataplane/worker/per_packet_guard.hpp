// What a worker may not do while it turns (STYLE): allocate, lock, call the system. Whoever does in between guarded() ends
// the process, with a word why. Replaces functions of libc and DPDK, so include it in one file of a program.
#pragma once

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <rte_malloc.h>

#include "tests/sanitized.hpp"

namespace weft::test::per_packet {

inline thread_local bool forbidden = false;
/// The kernel looks at it at each system call of the thread that has said so: 0 lets it through, 1 makes it a SIGSYS.
inline thread_local volatile char selector = 0;

[[noreturn]] inline void refuse(std::string_view what) {
  forbidden = false;
  selector = 0;
  (void)!::write(STDERR_FILENO, what.data(), what.size());
  constexpr std::string_view kWhere = " inside a worker's turn\n";
  (void)!::write(STDERR_FILENO, kWhere.data(), kWhere.size());
  std::abort();
}

inline void check(std::string_view what) {
  if (forbidden) [[unlikely]] refuse(what);
}

inline void on_system_call(int, siginfo_t* info, void*) {
  selector = 0;
  char what[64];
  const int size = std::snprintf(what, sizeof(what), "system call %d", info->si_syscall);
  refuse({what, static_cast<std::size_t>(size)});
}

/// Does the kernel watch? Linux 5.11 does (syscall user dispatch); prctl(2). A child of fork() has to say it again.
inline bool watch_system_calls() {
  struct sigaction action {};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSYS, &action, nullptr);
  constexpr int kSetSyscallUserDispatch = 59, kDispatchOn = 1;
  return ::prctl(kSetSyscallUserDispatch, kDispatchOn, 0UL, 0UL, &selector) == 0;
}

template <typename Work>
void guarded(Work&& work) {
  forbidden = true;
  selector = kSanitized ? 0 : 1;  // UBSan asks the kernel, by a pipe, whether memory can be read
  work();
  selector = 0;
  forbidden = false;
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace weft::test::per_packet

#ifdef WEFT_SANITIZED
// The sanitizer has replaced these functions already. It tells us of memory; locks are the plain build's business.
#include <sanitizer/allocator_interface.h>

namespace weft::test::per_packet {
inline const int kHooked = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { check("malloc"); }, [](const volatile void*) { check("free"); });
}  // namespace weft::test::per_packet
#else
// What forbids itself to have a second name is the function that glibc gives its own allocator.
extern "C" {
void* __libc_malloc(std::size_t bytes) noexcept;
void* __libc_calloc(std::size_t count, std::size_t bytes) noexcept;
void* __libc_realloc(void* memory, std::size_t bytes) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t bytes) noexcept;
void __libc_free(void* memory) noexcept;

// operator new and delete come here too.
void* malloc(std::size_t bytes) noexcept {
  weft::test::per_packet::check("malloc");
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  weft::test::per_packet::check("calloc");
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
  weft::test::per_packet::check("realloc");
  return __libc_realloc(memory, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  weft::test::per_packet::check("aligned_alloc");
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  weft::test::per_packet::check("posix_memalign");
  *memory = __libc_memalign(alignment, bytes);
  return *memory != nullptr ? 0 : ENOMEM;
}
void free(void* memory) noexcept {
  if (memory != nullptr) weft::test::per_packet::check("free");
  __libc_free(memory);
}

// std::mutex, std::shared_mutex, std::condition_variable and semaphores are these. DPDK's spin locks are inline: what they
// protect on our way are its heaps, below.
#define WEFT_GUARDED(result, name, parameters, arguments)                      \
  result name parameters {                                                     \
    weft::test::per_packet::check(#name);                                      \
    static auto* const real = weft::test::per_packet::next<result parameters>(#name); \
    return real arguments;                                                     \
  }
WEFT_GUARDED(int, pthread_mutex_lock, (pthread_mutex_t * one) noexcept, (one))
WEFT_GUARDED(int, pthread_mutex_trylock, (pthread_mutex_t * one) noexcept, (one))
WEFT_GUARDED(int, pthread_rwlock_rdlock, (pthread_rwlock_t * one) noexcept, (one))
WEFT_GUARDED(int, pthread_rwlock_wrlock, (pthread_rwlock_t * one) noexcept, (one))
WEFT_GUARDED(int, pthread_spin_lock, (pthread_spinlock_t * one) noexcept, (one))
WEFT_GUARDED(int, pthread_cond_signal, (pthread_cond_t * one) noexcept, (one))
WEFT_GUARDED(int, pthread_cond_broadcast, (pthread_cond_t * one) noexcept, (one))
WEFT_GUARDED(int, sem_wait, (sem_t * one), (one))
WEFT_GUARDED(int, sem_post, (sem_t * one) noexcept, (one))
WEFT_GUARDED(void*, rte_malloc, (const char* type, size_t size, unsigned align), (type, size, align))
WEFT_GUARDED(void*, rte_zmalloc, (const char* type, size_t size, unsigned align), (type, size, align))
WEFT_GUARDED(void*, rte_malloc_socket, (const char* type, size_t size, unsigned align, int socket), (type, size, align, socket))
WEFT_GUARDED(void*, rte_zmalloc_socket, (const char* type, size_t size, unsigned align, int socket), (type, size, align, socket))
WEFT_GUARDED(void, rte_free, (void* memory), (memory))
#undef WEFT_GUARDED
}
#endif
