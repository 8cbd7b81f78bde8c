// What the tests of the holder share: a runtime directory of their own, a holder in it, and code run inside instances.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "instances/holder.hpp"

namespace weft::test {

inline constexpr int kGraceMs = 300;

/// A directory under /tmp, 0700, gone at the end; WEFT_RUNTIME_DIR is not touched.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

GuestInstance guest(const std::string& name, int host, bool efa = false);  // eth0 10.0.1.<host>/24

/// Runs `work` in a forked child inside the instance and gives back what it returned; "!..." is an error.
std::string inside(const std::string& directory, const std::string& instance, const std::function<std::string()>& work);

/// Starts `work` in a forked child inside the instance; returns its pid when `before` is done and `work` begins.
pid_t start_inside(const std::string& directory, const std::string& instance, const std::function<void()>& work,
                   const std::function<void()>& before = [] {});

/// As in a rootless container: uid 0, but of a user namespace that somebody else made, with its mounts and network.
bool become_root_of_a_user_namespace();

/// Runs `work` in a forked child of this process, which ends when `work` does.
std::string in_child(const std::function<std::string()>& work);

std::string read_text(const std::string& path);  // without the last newline; "!..." when it cannot be read
bool exists(const std::string& path);
bool running(pid_t pid);  // neither gone nor a zombie; reaps a child
bool eventually(const std::function<bool()>& condition, int within_ms = 5000);

/// What a command prints, both ways, inside the caller's namespaces.
std::string output_of(const std::string& command);

/// Sends one UDP datagram of either family, from `source` where it is given; the interface it leaves through is the
/// kernel's choice. "sent", or errno's words.
std::string send_datagram(const char* destination, const char* source = nullptr);

using Frame = std::array<std::uint8_t, 1024>;

/// The next that a guest sends into its TAP within `wait_ms`, from the virtio header on: how many bytes, 0 for nothing.
ssize_t next_frame(const UniqueFd& tap, Frame& frame, int wait_ms = 1000);

/// The process that listens on the directory's holder.sock, or -1.
pid_t holder_pid(const std::string& directory);

class HolderTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  InstanceHandles create(const GuestInstance& instance);

  TemporaryDirectory directory_;
  std::unique_ptr<Holder> holder_;
};

}  // namespace weft::test
