// The interface of the kernel below af_packet and af_xdp, whose state their PMDs do not report: both say "up" for ever.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weft::ethdev {

class KernelInterface {
 public:
  /// In the caller's network namespace, and from then on in that one, whoever asks. Nothing: no interface has this name.
  static std::optional<KernelInterface> find(const std::string& name);
  KernelInterface(KernelInterface&& other) noexcept;
  KernelInterface& operator=(KernelInterface&& other) noexcept;
  ~KernelInterface();

  const std::string& name() const { return name_; }  // when it was found; it may be renamed
  int index() const { return index_; }

  /// Up and with a carrier. False once the interface is gone. Any thread.
  bool running() const noexcept;
  bool exists() const noexcept;
  std::uint16_t mtu() const noexcept;  // 0: it is gone
  /// Receive queues that a program may have to itself ("ethtool -l": combined), 1 where the driver does not say.
  unsigned channels() const noexcept;
  /// It sits on a bus. False: made of software (veth, TAP, bridge).
  bool is_hardware() const noexcept;

 private:
  KernelInterface(std::string name, int index, int socket) : name_(std::move(name)), index_(index), socket_(socket) {}
  std::string name_;
  int index_;
  int socket_;  // of the interface's namespace
};

/// Whether this thread may open sockets that see whole frames there (CAP_NET_RAW).
bool may_open_packet_sockets();

}  // namespace weft::ethdev
