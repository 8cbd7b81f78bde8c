// What a peer needs once packets go to it, or come from it, through the daemon: the windows of the transport, and the
// bytes of what the peer has yet to acknowledge. Made with the first such packet: an express channel needs none of it.
#pragma once

#include <array>
#include <memory>

#include "fabric/rdm/operations.hpp"
#include "fabric/srd/receive_window.hpp"
#include "fabric/srd/send_window.hpp"

namespace weft::rdm {

struct Peer;

/// Kept packets by their numbers, of which no more than a window is alive.
class KeptPackets {
 public:
  void put(Kept& kept) {
    if (!places_) places_ = std::make_unique<Places>();
    (*places_)[kept.psn % srd::kMaxOutstanding] = &kept;
    ++count_;
  }
  Kept* find(std::uint32_t psn) const {
    if (count_ == 0) return nullptr;
    Kept* const kept = (*places_)[psn % srd::kMaxOutstanding];
    return kept && kept->psn == psn ? kept : nullptr;
  }
  Kept* take(std::uint32_t psn) {
    Kept* const kept = find(psn);
    if (!kept) return nullptr;
    (*places_)[psn % srd::kMaxOutstanding] = nullptr;
    --count_;
    return kept;
  }

 private:
  using Places = std::array<Kept*, srd::kMaxOutstanding>;
  std::unique_ptr<Places> places_;
  std::uint32_t count_ = 0;
};

struct Wire {
  static constexpr std::uint64_t kFirstAsk_ns = 1'000'000;  // how soon a sender without credit asks for it; doubles
  static constexpr std::uint64_t kLastAsk_ns = 100'000'000;
  static constexpr std::uint64_t kAskAgain_ns = 1'000'000'000;  // the card answers in its next turn; else the clock counts

  static constexpr std::uint8_t kShowEvery = 64;  // acknowledgements: of thousands of packets, some 70 stores

  Wire(Peer& whose, const srd::TransportSettings& settings, srd::Random& random, std::uint32_t incarnation)
      : peer(&whose), send(settings, random), receive(incarnation) {}

  Peer* peer;
  srd::SendWindow send;
  srd::ReceiveWindow receive;
  KeptPackets kept;
  Hook<Wire> timed;          // its deadline is looked at
  Hook<Wire> acknowledging;  // something came over the fabric
  std::uint64_t ask_credit_ns = 0, ask_delay_ns = kFirstAsk_ns;  // when to ask again; 0: nothing is missing
  std::uint64_t asked_ns = 0;  // the card, how far the peer is; 0: not
  std::uint8_t place = 0;        // of what is shown of the peer's paths
  std::uint8_t until_shown = 0;  // acknowledgements
  bool impaired = false;     // something crossed the fabric: words on credit may be lost
  bool heard_over_fabric = false;
  bool no_room = false;      // there was more to send than the window lets go
};

}  // namespace weft::rdm
