// The endpoint. One class in several files, one for each thing it does:
//   endpoint_impl.cpp  made, asked for progress, idle checks    send.cpp          the posting call; eager and medium requests
//   transmit.cpp       packets out, their answers, RNR          flush.cpp         what waits, peer by peer
//   wire.cpp           what crosses a fabric that loses
//   receive.cpp        packets in, sequence, eager and medium   long_message.cpp  windows and data of long messages
//   delivery.cpp       messages into buffers, completions       post_receive.cpp  receive, peek, claim, cancel
//   initiate.cpp       reads, writes and atomics: our side      target.cpp        ... and the side whose memory it is
//   failure.cpp        peers and devices that go away            express.cpp       channels past the daemon
//   direct.cpp         large data, read from process to process
//   dump.cpp           what everything waits for, in words
// Functions that report to the sink may be called from posting calls; the sink must not call back.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "fabric/rdm/endpoint.hpp"
#include "fabric/rdm/matching.hpp"
#include "fabric/rdm/operations.hpp"
#include "fabric/rdm/peer.hpp"
#include "fabric/rdm/regions.hpp"

namespace weft::rdm {

class EndpointImpl final : public Endpoint, private device::ChannelEvents {
 public:
  using Clock = std::uint64_t (*)();  // nanoseconds, monotonic

  EndpointImpl(std::unique_ptr<device::QueuePair> queue_pair, const EndpointOptions& options, CompletionSink* sink,
               Clock clock);

  void set_peer(PeerIndex peer, const device::Address& address) override;
  void remove_peer(PeerIndex peer) override;
  int send(const SendRequest& request) override;
  int receive(const ReceiveRequest& request) override;
  int one_sided(const OneSidedRequest& request) override;
  int peek(const ReceiveRequest& request, PeekMode mode) override;
  int claim(const ReceiveRequest& request, bool discard) override;
  bool cancel(void* context, bool tagged) override;
  void set_min_multi_receive(std::size_t bytes) override { options_.min_multi_receive = bytes; }
  unsigned progress() override;
  bool drained() const override;
  void say_last_words() override;
  int wait_limit_ms() const override;
  std::uint32_t outstanding(PeerIndex index) const override {
    const Peer* const peer = peers_.by_index(index);
    return peer ? peer->sends : 0;
  }
  EndpointCounters counters() const override;
  void dump(std::string& text) override;
  device::QueuePair& queue_pair() override { return *queue_pair_; }

 private:
  /// A packet that the daemon has not answered for yet.
  struct Flight {
    enum class Kind : std::uint8_t {
      kWord,      // credit, acknowledgement: nobody waits for it
      kNumbered,  // needed a credit
      kAgain,     // the same, and is kept
      kQuestion,  // to the card
    };
    SendOperation* operation = nullptr;  // kNumbered
    Peer* peer = nullptr;
    std::uint64_t posted_ns = 0;         // 0: not noted
    std::uint32_t epoch = 0;
    std::uint32_t psn = 0;
    Kind kind = Kind::kWord;
    bool numbered() const { return kind == Kind::kNumbered || kind == Kind::kAgain; }
  };

  /// A request packet, taken apart and checked.
  struct Request {
    PacketType type{};
    std::uint16_t options = 0;
    std::uint32_t message = 0;
    std::uint32_t sender_operation = 0;
    std::uint64_t tag = 0;
    std::uint64_t remote_data = 0;
    std::uint64_t total = 0;
    std::size_t offset = 0;
    std::span<const std::byte> data;
    std::uint8_t direct_pieces = 0;
    DirectPiece direct[kMaxIov];
  };

  enum class FlushResult { kNothingLeft, kMore, kNoSlot };
  enum class Again { kPosted, kNotNow, kNoSlot };

  // endpoint_impl.cpp
  void look_around();
  void probe_silent_peers();

  // dump.cpp
  const char* waits_for(const SendOperation& operation) const;
  void dump_wires(std::string& text) const;

  // send.cpp
  bool send_at_once(Peer& peer, const SendRequest& request, std::size_t length);
  bool may_send_now(const Peer& peer) const;
  void queue_send(SendOperation& operation, const SendRequest& request);
  bool post_eager(SendOperation& operation, std::span<const iovec> iov);
  bool post_medium(SendOperation& operation);
  bool post_request(SendOperation& operation);
  void request_posted(SendOperation& operation);
  RequestHeader request_header(const SendOperation& operation) const;
  void take_out(SendOperation& operation);
  void settle(SendOperation& operation);
  void report(SendOperation& operation, Status status, int device_status);
  void release(SendOperation& operation);

  // transmit.cpp
  template <typename Fill>
  bool publish_packet(Peer& peer, std::size_t size, Fill&& fill);
  template <typename Fill>
  bool post_packet(Peer& peer, SendOperation* operation, std::size_t size, Fill&& fill);
  bool post_credit(Peer& peer);
  void write_transport_header(Peer& peer, std::byte* packet, std::uint8_t flags, std::uint32_t psn, std::uint8_t path);
  void commit(Peer& peer, const device::SendSlot& slot, std::size_t size, const Flight& flight, std::uint8_t path,
              std::uint8_t flags = 0);
  void publish(Peer& peer, const device::SendSlot& slot, std::size_t size);
  void grow_flights();
  unsigned collect_answers();
  void on_answer(std::uint64_t ticket, efa::SendStatus status, std::span<const std::byte> packet);
  void on_wire(const Flight& flight, std::span<const std::byte> packet);
  void on_failed(const Flight& flight, efa::SendStatus status);
  void on_refused(const Flight& flight, std::span<const std::byte> packet);
  void left_daemon(Peer& peer);
  void recovered(Peer& peer);

  // wire.cpp
  Wire& make_wire(Peer& peer);
  Wire& wire_of(Peer& peer);
  void show_round_trips(Wire& wire);
  void keep(Peer& peer, const Flight& flight, std::span<const std::byte> packet);
  void let_go(Peer& peer, Kept& kept, Status status, int detail);
  void take_reports(Peer& peer, Status status, int detail);
  Again post_again(Peer& peer);
  bool take_numbered(Peer& peer, const srd::PacketHeader& header, const device::Arrival& arrival);
  void acknowledge();
  bool post_acknowledgement(Wire& wire);
  void on_acknowledgement(Peer& peer, std::span<const std::byte> packet);
  void watch(Wire& wire);
  void after_news(Peer& peer);
  void unresponsive(Peer& peer);
  bool misses_credit(const Peer& peer) const;
  std::uint64_t deadline_ns(const Wire& wire) const;
  int timer_limit_ms() const;
  void expire_timers();
  void ask_for_credit(Wire& wire, std::uint64_t now);
  void ask_progress(Wire& wire);
  void on_progress(const device::Arrival& arrival);
  void hear_progress(Peer& peer, const srd::PeerProgress& progress);
  /// For what the windows do not choose a path for: each one in turn.
  std::uint8_t next_path() { return static_cast<std::uint8_t>(++words_ % options_.transport.paths); }

  // flush.cpp
  void schedule(Peer& peer);
  void unschedule(Peer& peer);
  /// The peer shall hear of its credit soon, in a packet of its own if no other goes there.
  void owe_credit(Peer& peer) {
    peer.credit_due = true;
    schedule(peer);
  }
  void flush();
  bool flush_one(Peer& peer);
  FlushResult flush_peer(Peer& peer);
  bool post_next(Peer& peer, unsigned& turn, bool& nothing);
  bool post_control(Peer& peer);
  void expire_delays();

  // receive.cpp
  void on_packet(const device::Arrival& arrival);
  Peer* peer_of(const device::Address& address);
  bool accept_incarnation(Peer& peer, std::uint32_t qkey);
  static bool is_news(const Peer& peer, const srd::PacketHeader& header);
  void take_from_daemon();
  bool accept_session(Peer& peer, const srd::PacketHeader& header);
  void on_transport(Peer& peer, const srd::PacketHeader& header);
  void on_message_packet(Peer& peer, std::span<const std::byte> packet);
  bool deliver_at_once(Peer& peer, const BaseHeader& base, std::span<const std::byte> packet);
  bool read_request(std::span<const std::byte> packet, Request& request) const;
  bool read_direct_request(std::uint32_t pieces, Request& request) const;
  void on_request(Peer& peer, const Request& request);
  void on_early(Peer& peer, const Request& request);
  void on_receipt(Peer& peer, const BaseHeader& base);
  void begin(Peer& peer, const Request& request);
  void deliver_early(Peer& peer);
  Message* find_incomplete(Peer& peer, std::uint32_t message);
  void dropped() { ++counters_.packets_dropped; }

  // delivery.cpp
  bool takes_last(const ReceiveOperation& receive, std::uint64_t total) const;
  void reserve(ReceiveOperation& receive, std::uint64_t total, std::size_t& place, std::size_t& capacity);
  Message& new_message(Peer& peer, const Request& request);
  Message& store(Peer& peer, const Request& request);
  void add_data(Message& message, const Request& request);
  void deliver(Peer& peer, const Request& request, ReceiveOperation& receive);
  void deliver_whole(const Peer& peer, const RequestHeader& header, std::span<const std::byte> data,
                     ReceiveOperation& receive);
  void assign(Message& message, ReceiveOperation& receive);
  void match(Message& message, ReceiveOperation& receive);
  void advance(Message& message);
  void finish(Message& message);
  void discard(Message& message);
  void free_message(Message& message);
  void release_data(Message& message);
  void queue_control(Message& message);
  void complete_receive(ReceiveOperation& receive, Completion completion, std::uint64_t total, std::size_t place,
                        std::size_t capacity, Status status);
  void report_canceled(const ReceiveOperation& receive);
  static Completion describe(const Peer& peer, std::uint16_t options, std::uint64_t tag, std::uint64_t remote_data);
  static Completion describe(const Message& message);
  void update_hold();

  // post_receive.cpp
  bool acceptable(const ReceiveRequest& request) const;
  Message* find_unexpected(const ReceiveRequest& request);
  ReceiveOperation& new_receive(const ReceiveRequest& request);

  // long_message.cpp
  bool post_long_request(SendOperation& operation);
  bool post_direct_request(SendOperation& operation);
  void wait_for_receiver(SendOperation& operation);
  bool post_data(SendOperation& operation);
  bool post_cts(Message& message);
  void on_cts(Peer& peer, std::span<const std::byte> packet);
  void on_cts_data(Peer& peer, std::span<const std::byte> packet);
  void stream_or_finish(SendOperation& operation);
  void grant_window(Message& message);

  // direct.cpp
  bool may_be_direct(const Peer& peer, std::size_t length, std::uint32_t flags) const;
  device::ChannelReceiver* direct_channel(const Peer& peer);
  bool read_directly(Message& message);
  RemoteStatus write_region_directly(Peer& peer, const RegionTable::Place& place, std::span<const DirectPiece> pieces);
  RemoteStatus read_regions_directly(Peer& peer, std::span<const RemotePiece> remote, std::span<const DirectPiece> pieces);

  // initiate.cpp
  int check(const OneSidedRequest& request, std::size_t& length) const;
  void queue_one_sided(OneSidedOperation& operation, const OneSidedRequest& request);
  bool post_one_sided(OneSidedOperation& operation);
  bool post_write(OneSidedOperation& operation, std::span<const iovec> local);
  bool post_read(OneSidedOperation& operation);
  template <typename Fill>
  bool post_atomic(OneSidedOperation& operation, std::size_t operand_bytes, Fill&& fill);
  void begin_one_sided(OneSidedOperation& operation);
  void ask_by_packets(OneSidedOperation& operation);
  OneSidedOperation* find_one_sided(Peer& peer, std::uint32_t operation, std::uint32_t number);
  void on_read_data(Peer& peer, std::span<const std::byte> packet);
  void on_atomic_result(Peer& peer, std::span<const std::byte> packet);
  void on_done(Peer& peer, std::span<const std::byte> packet);
  void count_finished(const OneSidedOperation& operation, Status status);
  void finish_one_sided(OneSidedOperation& operation, Status status, int device_status);
  void fail_one_sided(Peer& peer, Status status, int device_status, bool only_begun);

  // target.cpp
  void on_write(Peer& peer, std::span<const std::byte> packet);
  void on_read(Peer& peer, std::span<const std::byte> packet);
  void on_atomic(Peer& peer, std::span<const std::byte> packet);
  bool execute_atomic(Peer& peer, std::span<const std::byte> packet);
  bool admit_one_sided(OneSidedTraffic& traffic);
  void answer_done(Peer& peer, std::uint32_t operation, std::uint32_t number, RemoteStatus status);
  void answer(Peer& peer, Response& response);
  bool post_done(Peer& peer);
  bool post_response(Peer& peer);
  void report_remote(const Peer& peer, OneSided kind, const Region* region, const BaseHeader& base,
                     std::uint64_t remote_data, std::size_t length);
  void drop_answers(Peer& peer);
  void drop_one_sided_arrivals(Peer& peer);
  void count_packet(efa::ClientCounter packets, efa::ClientCounter bytes, std::size_t size) {
    queue_pair_->count(packets, 1);
    queue_pair_->count(bytes, size);
  }
  void count_sent(std::size_t size) {
    count_packet(efa::ClientCounter::kRdmaTxPkts, efa::ClientCounter::kRdmaTxBytes, size);
  }
  /// `packet` as the handlers get it: without its transport header.
  void count_arrived(std::span<const std::byte> packet) {
    count_packet(efa::ClientCounter::kRdmaRxPkts, efa::ClientCounter::kRdmaRxBytes,
                 sizeof(srd::PacketHeader) + packet.size());
  }

  // failure.cpp
  void fail_sends(Peer& peer, Status status, int device_status);
  void fail_waiting(Peer& peer, Status status);
  void fail_messages(Peer& peer, Status status, bool only_long);
  void fail_message(Message& message, Status status);
  void drop_early(Peer& peer);
  void end_session(Peer& peer, Status status, int device_status);
  void restart_transmit(Peer& peer, Status status);
  void restart_receive(Peer& peer, Status status);
  void peer_gone(Peer& peer);
  void device_gone();

  // express.cpp
  void ask_for_channel(Peer& peer);
  void leave_channel(Peer& peer);
  void probe(Peer& peer);
  void on_granted(device::ChannelSender& channel) override;
  void on_refused(const device::Address& destination, std::uint32_t qkey, int error) override;
  void on_closing(device::ChannelSender& channel, efa::Revocation reason) override;

  MatchQueue& queue_for(bool tagged) { return queues_[tagged ? 1 : 0]; }

  std::unique_ptr<device::QueuePair> queue_pair_;
  EndpointOptions options_;
  CompletionSink* sink_;
  Clock clock_;
  std::size_t eager_max_, medium_chunk_, long_first_, data_chunk_, write_chunk_;  // data bytes of one packet

  PeerTable peers_;
  Peer* last_peer_ = nullptr;  // the next packet is often from the same
  std::array<MatchQueue, 2> queues_;
  List<Message, &Message::order> claimed_;
  Pool<SendOperation> sends_;
  Pool<ReceiveOperation> receives_;
  Pool<Message> messages_;
  Pool<Kept> kept_;
  Pool<OneSidedOperation> one_sided_;
  Pool<Response> responses_;
  Pool<PartialWrite> partial_writes_;
  BufferPool buffers_;
  srd::BufferShare share_;
  srd::RnrLimits rnr_limits_;
  List<Peer, &Peer::ready> ready_;
  List<Peer, &Peer::backing_off> backing_off_;
  srd::Random random_;
  std::uint32_t next_place_ = 0;  // Wire::place of the next peer
  List<Wire, &Wire::timed> timed_;
  List<Wire, &Wire::acknowledging> acknowledging_;
  std::uint32_t words_ = 0;

  std::vector<Flight> flights_;      // by ticket, a power of two
  std::uint64_t oldest_ticket_ = 0;  // not answered yet
  std::uint64_t next_ticket_ = 0;

  EndpointCounters counters_;
  std::size_t unexpected_bytes_ = 0;
  std::size_t controls_ = 0;     // CTS and receipts not sent yet
  std::size_t done_entries_ = 0;  // answers to one-sided operations not sent yet
  bool holding_ = false;         // unexpected messages have filled their memory
  bool gone_ = false;
  bool device_failed_ = false;   // an answer said so
  efa::SendHint hint_ = efa::SendHint::kNone;  // of the answer that is being dealt with
  std::uint32_t turns_ = 0;
  std::uint64_t last_look_ns_ = 0, last_probe_ns_ = 0;
};

}  // namespace weft::rdm
