// The holder: a single-threaded process that owns the instances' namespaces (DESIGN D10). weftd forks it before EAL. It
// enters one user namespace when it is not root, makes per instance a network, UTS and mount namespace, opens the TAP
// and the EFA listener inside them, keeps every namespace by descriptor (no bind mounts), and outlives a dead daemon by
// a grace period in which a new weftd may come back and rejoin. Then it ends what runs in the instances and leaves
// nothing behind.
//
// It listens on <runtime>/holder.sock (0600, SO_PEERCRED checked): the daemon manages, `weft exec` asks to enter.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/model/result.hpp"
#include "dataplane/net/address.hpp"

namespace weft {

/// A file descriptor, closed at the end of its life.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& o) noexcept : fd_(o.release()) {}
  UniqueFd& operator=(UniqueFd&& o) noexcept;
  ~UniqueFd();
  int get() const { return fd_; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// An address as an interface has it. The length is of its own family: 24, 32, 64.
struct GuestAddress {
  IpAddress ip;
  std::uint8_t prefix_length = 0;
  bool operator==(const GuestAddress&) const = default;
};

/// What the holder must know of an interface to make its TAP.
struct GuestInterface {
  std::string name;  // "eth0"
  std::string eni_id;
  MacAddress mac;
  int device_index = 0;  // 0: its routes are the main ones; others have a table of their own, 10000 + the index
  /// The primary first, with its subnet's length; then secondary IPv4 (/32) and IPv6 (/64). Without an IPv6 address the
  /// interface has no IPv6 at all.
  std::vector<GuestAddress> addresses;
  std::vector<IpPrefix> prefixes;        // delegated: not configured, but what has such a source leaves through here
  std::optional<IpAddress> router;       // IPv4 default route
  std::optional<IpAddress> ipv6_router;  // IPv6 default route: a link-local address
  /// Given: both routers have this MAC for ever and are on the link though no subnet says so. Otherwise they are asked for.
  std::optional<MacAddress> router_mac;
  int mtu = 9001;
  bool operator==(const GuestInterface&) const = default;
};

/// Lines of /etc/hosts: name, address.
using HostList = std::vector<std::pair<std::string, std::string>>;

/// /etc/resolv.conf of the instances. No server: nobody answers, which a program learns at once.
struct ResolverSettings {
  std::vector<std::string> servers;  // addresses
  std::string search;                // a domain, or nothing
};

struct GuestInstance {
  std::string name;  // also the hostname
  std::vector<GuestInterface> interfaces;
  bool efa = false;      // make the EFA listener
  bool outside = false;  // not of the VPC: its /etc/hosts has the names as the internet knows them
};

/// Each frame of a TAP starts with a virtio_net_hdr_mrg_rxbuf of this length (num_buffers is always 1). The guest's
/// side may send partial checksums and TCP super-segments (TUN_F_CSUM, TSO4, TSO6, TSO_ECN), and takes both.
inline constexpr int kVnetHeaderLength = 12;

struct InstanceHandles {
  struct Tap {
    std::string eni_id;
    UniqueFd fd;  // IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, non-blocking
  };
  std::vector<Tap> taps;  // in the order of the instance's interfaces
  UniqueFd efa_listener;       // listening SOCK_SEQPACKET in the instance's network namespace, or none
};

/// The daemon's connection. Thread: one at a time. Errors come with the step that failed and errno's words.
class Holder {
 public:
  /// Forks a new holder, or joins one that waits in `runtime_directory` for its daemon to come back. Must be called
  /// before the process has threads. `grace_ms`: how long the holder outlives its daemon.
  static Result<std::unique_ptr<Holder>> start_or_join(const std::string& runtime_directory, int grace_ms);
  virtual ~Holder() = default;  // without shutdown(): the holder starts its grace period

  virtual bool joined() const = 0;              // true: a living holder was found, with instances and a state
  virtual std::string saved_state() const = 0;  // what save_state() gave last
  virtual Result<void> save_state(const std::string& state) = 0;  // opaque to the holder

  virtual std::vector<std::string> instances() const = 0;
  virtual Result<InstanceHandles> create_instance(const GuestInstance& instance) = 0;
  /// Brings a living instance's interfaces to these: takes out those that are not listed, makes the new ones, and adds
  /// and removes addresses of those that stay, whose traffic does not notice. Returns the TAPs that no answer has handed
  /// over yet. After a failure the instance is part of the way; asking again, for this or the former ones, goes on there.
  virtual Result<InstanceHandles> change_interfaces(const GuestInstance& instance) = 0;
  /// After a rejoin: all descriptors again.
  virtual Result<InstanceHandles> handles(const std::string& instance) = 0;
  /// For each instance's /etc/hosts; `outside`: for that of guests outside the VPC.
  virtual Result<void> set_hosts(const HostList& hosts, const HostList& outside) = 0;
  /// For each instance's /etc/resolv.conf. Guests outside the VPC have no resolver.
  virtual Result<void> set_resolver(const ResolverSettings& resolver) = 0;
  /// Ends the processes inside (SIGTERM, then SIGKILL after a second) and lets the namespaces go.
  virtual Result<void> remove_instance(const std::string& name) = 0;
  /// Removes everything and ends the holder; returns when its process is gone.
  virtual void shutdown() = 0;

  /// The connection: hangs up when the holder dies, which takes the instances with it. For poll() only.
  virtual int connection_fd() const = 0;
};

/// The CLI's side: enters the namespaces of an instance for good (this process and what it executes). Single-threaded
/// processes only. Keeps the working directory where the instance has it ("/" otherwise) and sets WEFT_RUNTIME_DIR, so
/// that `weft ssh` works from inside too; the caller executes the command. Inside, the runtime directory shows nothing
/// but holder.sock: whoever is in an instance may enter another one of the same user, and cannot reach the control API.
Result<void> enter_instance(const std::string& runtime_directory, const std::string& instance);

/// The runtime directory: $WEFT_RUNTIME_DIR, else /run/weft for root, else $XDG_RUNTIME_DIR/weft, else
/// /tmp/weft-<uid>. Created 0700; refused when somebody else owns it.
Result<std::string> runtime_directory();

}  // namespace weft
