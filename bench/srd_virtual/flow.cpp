#include "bench/srd_virtual/flow.hpp"

#include <cstring>

namespace weft::bench {
namespace {

constexpr std::uint64_t kTurnNs = 2'000;

}  // namespace

Flow::Flow(Clock& clock, Network& network, srd::BufferShare& share, const Ends& ends, std::uint32_t paths,
           std::uint64_t seed)
    : clock_(clock), network_(network), share_(share), ends_(ends), random_(seed) {
  settings_.paths = paths;
}

void Flow::send(std::uint64_t bytes, std::function<void()> done) {
  to_send_ = to_come_ = static_cast<std::uint32_t>((bytes + kPacketBytes - 1) / kPacketBytes);
  done_ = std::move(done);
  pump();
}

// ---- the sender ----

void Flow::pump() {
  srd::Posting posting;
  while (sender_.post_again(clock_.now_ns(), posting)) put(posting);
  while (to_send_ != 0 && !sender_.has_lost() && sender_.room() && credit_.available()) {
    --to_send_;
    credit_.spend();
    put(sender_.post(sender_.next_psn(), clock_.now_ns()));
  }
  watch();
}

void Flow::put(const srd::Posting& posting) {
  UnderWay& packet = under_way_.try_emplace(posting.psn, UnderWay{clock_.now_ns(), false}).first->second;
  packet.again |= posting.retransmission;
  sender_.on_wire(posting.psn, clock_.now_ns());
  srd::Arrival arrival;
  arrival.psn = posting.psn;
  arrival.path = posting.path;
  arrival.established = posting.established;
  arrival.ack_requested = posting.ack_requested;
  network_.send(ends_.from, ends_.to, posting.path, kPacketBytes, [this, arrival](bool marked) {
    srd::Arrival come = arrival;
    come.congested = marked;
    come.arrived_ns = clock_.now_ns();
    take(come);
  });
}

void Flow::hear(const std::vector<std::byte>& bytes) {
  const auto said = srd::parse_acknowledgement(bytes);
  if (!said) return;
  srd::PacketHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  credit_.extend(header.credit);
  sender_.acknowledged(*said, clock_.now_ns());
  reports();
  pump();
}

void Flow::reports() {
  for (srd::Report report; sender_.take_report(report);) {
    const auto packet = under_way_.find(static_cast<std::uint32_t>(report.cookie));
    if (!report.arrived) ++failed_;
    else if (!packet->second.again) round_trips_.push_back(clock_.now_ns() - packet->second.posted_ns);
    under_way_.erase(packet);
  }
}

/// A timer of the sender, set again whenever its deadline is an earlier one.
void Flow::watch() {
  const std::uint64_t deadline_ns = sender_.deadline_ns();
  if (deadline_ns >= watched_ns_) return;
  watched_ns_ = deadline_ns;
  clock_.at(deadline_ns, [this, deadline_ns] {
    if (watched_ns_ != deadline_ns) return;
    watched_ns_ = srd::kNever;
    if (sender_.deadline_ns() <= clock_.now_ns()) {
      sender_.expire(clock_.now_ns());
      if (sender_.wants_progress()) sender_.progress({delivered_, delivered_, true, true}, clock_.now_ns());
      reports();
    }
    pump();
  });
}

// ---- the receiver ----

void Flow::take(const srd::Arrival& arrival) {
  ++delivered_;
  if (receive_credit_.exhausted()) return;
  if (receiver_.take(arrival) == srd::Taken::kNew) {
    receive_credit_.take();
    share_.arrived(share_round_);
    const UnderWay& packet = under_way_.at(arrival.psn);
    (packet.again ? recoveries_ : one_ways_).push_back(clock_.now_ns() - packet.posted_ns);
    if (--to_come_ == 0) std::exchange(done_, nullptr)();
  }
  if (receiver_.owes()) return acknowledge();
  if (turn_set_) return;
  turn_set_ = true;
  clock_.at(clock_.now_ns() + kTurnNs, [this] { turn(); });
}

void Flow::turn() {
  turn_set_ = false;
  if (receiver_.owes_after_turn()) acknowledge();
}

void Flow::acknowledge() {
  std::array<std::byte, srd::kMaxAcknowledgementBytes> bytes;
  srd::PacketHeader header{};
  header.version = srd::kVersion;
  header.credit = receive_credit_.grant(share_.window());
  const std::size_t size = srd::write_acknowledgement(receiver_.acknowledge(clock_.now_ns()), header, bytes);
  const auto path = static_cast<std::uint8_t>(random_.below(settings_.paths));
  network_.send(ends_.to, ends_.from, path, static_cast<std::uint32_t>(size),
                [this, said = std::vector<std::byte>(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))](bool) {
                  hear(said);
                });
}

}  // namespace weft::bench
