// TCP for services that answer short requests: DNS (RFC 7766) and instance metadata. A segment in, at most one segment
// out; nothing here knows a frame's way, a socket or a clock.
//
// A half-open connection costs nothing: our first sequence number is made from the client's and holds what its SYN said,
// so the first data says enough to begin (as SYN cookies do; these need no secret, for an answer goes to nobody but the
// ENI that asked). What a connection remembers begins with its first data and is bounded: kMost of a worker, kMostOfEni
// of an ENI; one more takes the place of the one that has been silent longest, whose client gets a reset if it goes on.
//
// One segment of an answer is under way at a time. A lost one comes again when the client repeats what it asked or,
// without that, by a clock: take_due(). Data that comes in the wrong order is asked for again, not kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "dataplane/services/refusal.hpp"
#include "dataplane/services/tcp_segment.hpp"
#include "dataplane/services/view.hpp"

namespace weft::services {

/// What a service makes of the bytes that its client has sent.
struct Reaction {
  enum class Kind : std::uint8_t {
    kMore,    // it has not said enough
    kAnswer,  // `taken` bytes are dealt with, and `length` bytes answer them; 0: nothing does
    kReset,   // no client speaks like that
  };
  Kind kind = Kind::kMore;
  std::size_t taken = 0;
  std::size_t length = 0;
  bool close = false;  // the answer is the connection's last
  std::uint8_t hop_limit = kDefaultHopLimit;

  static Reaction more() { return {}; }
  static Reaction reset() { return {Kind::kReset, 0, 0, false, kDefaultHopLimit}; }
};

/// Refers to a function Reaction(asked, room), which must outlive the call. It sees everything that has come and has not
/// been taken, at most kAskedBytes.
class TcpService {
 public:
  template <typename React>
    requires std::is_invocable_r_v<Reaction, const React&, std::span<const std::byte>, std::span<std::byte>>
  TcpService(const React& react) noexcept  // NOLINT: implicit, like a function pointer
      : react_(&react), call_([](const void* self, std::span<const std::byte> asked, std::span<std::byte> room) {
          return (*static_cast<const React*>(self))(asked, room);
        }) {}

  Reaction operator()(std::span<const std::byte> asked, std::span<std::byte> room) const {
    return call_(react_, asked, room);
  }

 private:
  const void* react_;
  Reaction (*call_)(const void*, std::span<const std::byte>, std::span<std::byte>);
};

class TcpConnections {
 public:
  static constexpr std::size_t kMost = 512, kMostOfEni = 64;
  static constexpr std::size_t kAskedBytes = 4096;  // a request with its headers
  static constexpr std::size_t kSaidBytes = 9216;   // an answer
  static constexpr std::uint64_t kFirstAgainNs = 1'000'000'000;  // doubled each time (RFC 6298 2.1, 5.5)
  static constexpr unsigned kMostTimesAgain = 5;
  static constexpr std::uint64_t kIdleNs = 60'000'000'000;  // then the connection is closed

  /// Address space; a connection's buffers are memory when it first uses them.
  explicit TcpConnections(std::size_t most = kMost);

  /// `request` carries `segment` and goes to an address and port of `service`. Nothing is allocated.
  Answer take(const ServiceView& view, const Request& request, const TcpSegment& segment, TcpService service,
              std::uint64_t now_ns, std::span<std::byte> out) noexcept;

  /// Whether take_due() would do something.
  bool due(std::uint64_t now_ns) const noexcept { return !live_.empty() && now_ns >= due_ns_; }
  struct Due {
    std::uint64_t eni = 0;   // ServiceView::eni, to whom it goes
    std::size_t length = 0;  // of the frame in `out`
  };
  /// A frame that no request brings about: an answer again, the end of a silent connection. Ask until there is none.
  std::optional<Due> take_due(std::uint64_t now_ns, std::span<std::byte> out) noexcept;

  std::size_t size() const noexcept { return live_.size(); }

 private:
  struct Key {
    std::uint64_t eni = 0;
    IpAddress client, own;
    std::uint16_t client_port = 0, own_port = 0;
    bool operator==(const Key&) const = default;
    std::uint32_t hash() const noexcept;
  };
  struct Connection {
    Key key;
    MacAddress client_mac, own_mac;
    std::uint32_t client_initial = 0;  // of its SYN
    std::uint32_t received = 0;        // RCV.NXT of RFC 9293 3.3.1
    std::uint32_t unacknowledged = 0;  // SND.UNA: of the answer's byte `said_acknowledged`
    std::uint32_t sent = 0;            // SND.NXT
    std::uint16_t window = 0;          // SND.WND
    std::uint16_t segment_size = 0;
    std::uint16_t asked = 0;  // bytes of Buffers
    std::uint16_t said = 0, said_acknowledged = 0;
    bool client_closed = false;  // its FIN has come
    bool closing = false;        // ours follows the answer
    bool fin_sent = false;
    std::uint8_t hop_limit = kDefaultHopLimit;
    std::uint8_t times_again = 0;
    std::uint64_t heard_ns = 0, due_ns = 0;

    bool under_way() const noexcept { return sent != unacknowledged; }
    bool has_more() const noexcept { return said != said_acknowledged || (closing && !fin_sent); }
    bool over() const noexcept { return fin_sent && !under_way() && client_closed; }
  };
  struct Buffers {
    std::byte asked[kAskedBytes];
    std::byte said[kSaidBytes];
  };
  enum class Came : std::uint8_t { kNothing, kNew, kKnown, kTooEarly };

  static constexpr std::uint16_t kNowhere = 0xffff;
  std::uint16_t find(const Key& key) const noexcept;  // its place, or kNowhere
  std::uint16_t make_room(std::uint64_t eni) noexcept;
  std::uint16_t begin(const Key& key, const ServiceView& view, const Request& request, const TcpSegment& segment,
                      std::uint16_t segment_size, std::uint32_t client_initial) noexcept;
  void end(std::uint16_t place) noexcept;
  Answer meet_stranger(const Key& key, const ServiceView& view, const Request& request, const TcpSegment& segment,
                       TcpService service, std::uint64_t now_ns, std::span<std::byte> out) noexcept;
  Answer go_on(std::uint16_t place, const TcpSegment& segment, TcpService service, std::uint64_t now_ns,
               std::span<std::byte> out) noexcept;
  bool take_acknowledgment(Connection& connection, const TcpSegment& segment) noexcept;
  Came take_data(Connection& connection, Buffers& buffers, const TcpSegment& segment) noexcept;
  bool react(Connection& connection, Buffers& buffers, TcpService service) noexcept;
  static std::size_t transmit(Connection& connection, const Buffers& buffers, bool probe,
                              std::span<std::byte> out) noexcept;
  static std::size_t acknowledge(const Connection& connection, std::span<std::byte> out) noexcept;
  void schedule(Connection& connection, std::uint64_t now_ns) noexcept;
  std::size_t wake_up(std::uint16_t place, std::uint64_t now_ns, std::span<std::byte> out, bool& ended) noexcept;

  std::size_t most_;
  std::vector<Connection> connections_;
  std::unique_ptr<Buffers[]> buffers_;  // by index of connections_
  std::vector<std::uint16_t> free_;     // indices
  std::vector<std::uint16_t> live_;     // indices, in no order
  std::vector<std::uint32_t> hashes_;   // beside live_: what a search looks at
  std::uint64_t due_ns_ = 0;            // no connection is due before
};

}  // namespace weft::services
