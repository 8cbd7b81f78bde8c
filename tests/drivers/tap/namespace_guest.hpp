// A guest for TAP tests: a network namespace with a TAP called eth0, configured with ip(8).
#pragma once

#include <functional>
#include <string>

namespace weft::test {

/// False, with `why` set, where this process may not make namespaces or TAPs. Becomes root of a user namespace when it
/// is not root. Before any thread exists.
bool may_make_guests(std::string& why);

class NamespaceGuest {
 public:
  /// Throws std::runtime_error. `mac` also ends the name of nothing: every guest's interface is eth0 in its own namespace.
  NamespaceGuest(const std::string& address, const std::string& mac, int mtu);
  ~NamespaceGuest();
  NamespaceGuest(const NamespaceGuest&) = delete;
  NamespaceGuest& operator=(const NamespaceGuest&) = delete;

  int release_tap();  // the descriptor is the caller's now
  /// Runs `work` on a thread inside the namespace.
  void inside(const std::function<void()>& work) const;
  int command(const std::string& line) const;  // exit status

 private:
  int namespace_ = -1;
  int tap_ = -1;
};

}  // namespace weft::test
