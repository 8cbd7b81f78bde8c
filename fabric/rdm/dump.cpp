// What the endpoint waits for, in words: for a program that hangs (docs/provider.md, "A dump"). Not fast, and need not be.
#include <arpa/inet.h>

#include <cinttypes>
#include <cstdio>

#include "fabric/rdm/endpoint_impl.hpp"

namespace weft::rdm {
namespace {

constexpr unsigned kLines = 16;  // of each kind; of the others only the number

std::string name_of(const device::Address& address) {
  char ip[INET6_ADDRSTRLEN] = "?";
  const bool mapped = address.ip[10] == 0xff && address.ip[11] == 0xff;
  inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? address.ip + 12 : address.ip, ip, sizeof ip);
  return std::string(ip) + ":" + std::to_string(address.qpn);
}

const char* verb(OneSided kind) {
  switch (kind) {
    case OneSided::kRead: return "read";
    case OneSided::kWrite: return "write";
    case OneSided::kNone: return "nothing";
    default: return "atomic";
  }
}

/// Of the best path; while all that were measured are left alone, what it was on average.
std::string round_trip(const srd::SendWindow& window) {
  const std::uint32_t quickest = window.paths()->quickest_ns();
  const std::uint32_t ns = quickest != 0 ? quickest : window.round_trip().smoothed_ns();
  return ns == 0 ? "unknown" : std::to_string((ns + 500) / 1000) + " us";
}

/// Counts, and prints the first ones.
class Lines {
 public:
  Lines(std::string& text, std::uint64_t now_ns) : text_(text), now_ns_(now_ns) {}

  template <typename... Values>
  void add(std::uint64_t since_ns, const char* format, Values... values) {
    if (++count_ > kLines) return;
    char line[400];
    std::snprintf(line, sizeof line, format, values...);
    char age[64];
    std::snprintf(age, sizeof age, ", for at most %.1f s\n",
                  static_cast<double>(now_ns_ - std::min(since_ns, now_ns_)) * 1e-9);
    text_ += std::string("  ") + line + age;
  }
  void finish(const char* what) {
    if (count_ > kLines) text_ += "  and " + std::to_string(count_ - kLines) + " more " + what + "\n";
    count_ = 0;
  }

 private:
  std::string& text_;
  std::uint64_t now_ns_;
  unsigned count_ = 0;
};

}  // namespace

const char* EndpointImpl::waits_for(const SendOperation& operation) const {
  const Peer& peer = *operation.peer;
  if (!peer.rnr.clear()) return "the peer's queue is full: it does not read";
  switch (operation.place) {
    case SendOperation::Place::kWaiting:
      return operation.needs_receipt && !operation.is_long() ? "waits for its receipt: no receive matches, or the peer makes no progress"
                                                             : "waits for the peer to say how it went on: no receive matches, or it makes no progress";
    case SendOperation::Place::kStreaming:
    case SendOperation::Place::kRequests:
      if (!peer.send_credit.available()) return "waits for credit: the peer makes no progress";
      if (peer.hold_requests) return "waits until the peer has received what it did not ask for yet";
      return "waits for its turn: this process makes no progress";
    case SendOperation::Place::kNowhere:
      return peer.wire && peer.wire->send.on_wire() != 0 ? "waits for the peer to acknowledge what crosses the fabric" : "waits for weftd";
  }
  return "";
}

/// What the transport waits for, where packets cross a fabric that may lose them.
void EndpointImpl::dump_wires(std::string& text) const {
  const std::uint64_t now = clock_();
  unsigned count = 0;
  for (const auto& peer : peers_.all()) {
    if (!peer->wire) continue;
    const srd::SendWindow& window = peer->wire->send;
    const srd::Paths* const paths = window.paths();
    if (!paths || window.on_wire() + window.lost() == 0 || ++count > kLines) continue;
    const std::uint64_t since = std::min(window.waiting_since_ns(), now);
    char line[300];
    std::snprintf(line, sizeof line,
                  "  to %s: %u packets on the fabric, %u to be sent again, window %u, round trip %s, %u of %u paths left alone, "
                  "no news for %.1f s\n",
                  name_of(peer->address).c_str(), window.on_wire(), window.lost(), window.window(),
                  round_trip(window).c_str(), paths->suspects(), paths->count(),
                  static_cast<double>(now - since) * 1e-9);
    text += line;
  }
  if (count > kLines) text += "  and packets on the fabric to " + std::to_string(count - kLines) + " more peers\n";
}

void EndpointImpl::dump(std::string& text) {
  Lines lines(text, clock_());
  sends_.for_each_live([&](const SendOperation& operation) {
    if (operation.reported) return;
    lines.add(operation.since_ns, "to %s: send of %zu bytes, tag 0x%" PRIx64 ", %zu of them sent: %s",
              name_of(operation.peer->address).c_str(), operation.length, operation.tag,
              operation.length > eager_max_ ? operation.posted : operation.place == SendOperation::Place::kRequests ? 0 : operation.length,
              waits_for(operation));
  });
  lines.finish("sends");
  one_sided_.for_each_live([&](const OneSidedOperation& operation) {
    const bool credit = operation.peer->send_credit.available() && operation.peer->rnr.clear();
    lines.add(operation.since_ns, "to %s: %s of %zu bytes, %zu of them come or gone: %s", name_of(operation.peer->address).c_str(),
              verb(operation.kind), operation.length,
              operation.kind == OneSided::kRead ? operation.received : operation.posted,
              operation.in_flight ? "waits for the target's answer: its process makes no progress"
              : credit            ? "waits for its turn: operations before it are not answered"
                                  : "waits for credit: the peer makes no progress");
  });
  lines.finish("reads, writes and atomics");
  for (const auto& peer : peers_.all()) {
    for (const Message* message = peer->incomplete.front(); message; message = decltype(peer->incomplete)::next(*message)) {
      lines.add(message->since_ns, "from %s: message of %" PRIu64 " bytes, tag 0x%" PRIx64 ", %zu of them here: the rest has not come",
                name_of(peer->address).c_str(), message->total, message->tag, message->received);
    }
  }
  lines.finish("messages that are arriving");
  dump_wires(text);
  receives_.for_each_live([&](const ReceiveOperation& receive) {
    if (receive.canceled) return;
    lines.add(receive.since_ns, "from %s: receive of %zu bytes, tag 0x%" PRIx64 ", ignoring 0x%" PRIx64,
              receive.source ? name_of(receive.source->address).c_str() : "anybody", receive.capacity, receive.tag, receive.ignore);
  });
  lines.finish("receives");
  for (MatchQueue& queue : queues_) {
    if (queue.unexpected() == 0) continue;
    text += "  " + std::to_string(queue.unexpected()) + (&queue == &queues_[1] ? " tagged" : " untagged") +
            " messages that nobody has asked for\n";
  }
}

}  // namespace weft::rdm
