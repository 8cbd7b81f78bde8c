#include "fabric/provider/datagram.hpp"

#include <rdma/fi_errno.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>

#include "fabric/provider/error_text.hpp"
#include "fabric/provider/explain.hpp"
#include "fabric/provider/names.hpp"
#include "fabric/provider/provider.hpp"
#include "fabric/provider/report.hpp"
#include "fabric/provider/settings.hpp"

namespace weft::provider {
namespace {

constexpr unsigned kReceiveBatch = 32;
constexpr std::uint64_t kLookEvery_ns = 10'000'000;  // dead() costs a system call
constexpr std::uint64_t kRefusedSendFlags =
    FI_FENCE | FI_TRIGGER | FI_COMMIT_COMPLETE | FI_DELIVERY_COMPLETE | FI_MATCH_COMPLETE;

std::uint64_t monotonic_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

/// A datagram endpoint asks for no channel.
class NoChannels final : public device::ChannelEvents {
  void on_granted(device::ChannelSender&) override {}
  void on_refused(const device::Address&, std::uint32_t, int) override {}
  void on_closing(device::ChannelSender&, efa::Revocation) override {}
};

}  // namespace

DatagramEndpoint::DatagramEndpoint(Domain& parent, const fi_info& info, void* context)
    : EndpointBase(parent, info, context),
      receive_size_(info.rx_attr != nullptr && info.rx_attr->size != 0 ? info.rx_attr->size : settings.receive_size) {
  msg = &datagram_ops;
  tagged = &no_tagged_ops;
  rma = &no_rma_ops;
  atomic = &no_atomic_ops;
}

DatagramEndpoint::~DatagramEndpoint() {
  if (lost_ == 0 && malformed_ == 0) return;
  WEFT_LOG(INFO, EP_DATA, "datagrams: %llu of ours were lost, %llu that came were none\n",
           static_cast<unsigned long long>(lost_), static_cast<unsigned long long>(malformed_));
}

int DatagramEndpoint::start(std::unique_ptr<device::QueuePair> opened) {
  const device::QueuePairOptions defaults;
  sent_.resize(defaults.sq_depth);
  queue_pair_ = std::move(opened);
  return 0;
}

void DatagramEndpoint::set_peer(std::uint32_t peer, const device::Address& address) {
  if (peer >= peers_.size()) peers_.resize(std::size_t{peer} + 1);
  peers_[peer] = address;
}

void DatagramEndpoint::remove_peer(std::uint32_t peer) {
  if (peer < peers_.size()) peers_[peer] = {};
}

int DatagramEndpoint::get_option(int, void*, std::size_t*) { return -FI_ENOPROTOOPT; }
int DatagramEndpoint::set_option(int, const void*, std::size_t) { return -FI_ENOPROTOOPT; }

device::SendSlot DatagramEndpoint::slot_for(std::size_t size) {
  device::SendSlot slot = queue_pair_->begin_send(static_cast<std::uint32_t>(size));
  if (slot.data == nullptr && progress() != 0) slot = queue_pair_->begin_send(static_cast<std::uint32_t>(size));
  return slot;
}

ssize_t DatagramEndpoint::send(const Outgoing& message) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (!enabled()) return -FI_EOPBADSTATE;
  if (message.iov.size() > rdm::kMaxIov || (message.flags & kRefusedSendFlags) != 0) return -FI_EINVAL;
  if (message.destination >= peers_.size() || peers_[message.destination].qpn == 0) return -FI_EINVAL;
  const std::size_t length = rdm::total_length(message.iov);
  const bool inject = message.injected || (message.flags & FI_INJECT) != 0;
  if (length > (inject ? std::min(inject_size_, kMaxDatagram) : kMaxDatagram)) return -FI_EMSGSIZE;
  if (gone_) return -FI_ENETDOWN;
  if (back_pressure()) return -FI_EAGAIN;
  const device::SendSlot slot = slot_for(sizeof(DatagramHeader) + length);
  if (slot.data == nullptr) return gone_ ? -FI_ENETDOWN : -FI_EAGAIN;
  const bool has_data = (message.flags & FI_REMOTE_CQ_DATA) != 0;
  const DatagramHeader header{.version = kDatagramVersion,
                              .flags = has_data ? kDatagramHasData : std::uint8_t{0},
                              .reserved = {},
                              .data = has_data ? message.data : 0};
  std::memcpy(slot.data, &header, sizeof header);
  rdm::gather(message.iov, 0, slot.data + sizeof header, length);
  const bool wanted = !message.injected && (!transmit_selective_ || (message.flags & FI_COMPLETION) != 0);
  std::uint32_t report = report_flags(wanted, transmit_queue_, counters_[kSendCounter]);
  if (message.injected) report |= kNoContext;
  const std::uint64_t ticket = queue_pair_->commit_send(
      slot, static_cast<std::uint32_t>(sizeof header + length), peers_[message.destination], 0);
  sent_[ticket % sent_.size()] = {message.context, report, length};
  queue_pair_->wake_daemon();
  return 0;
}

ssize_t DatagramEndpoint::receive(std::span<const iovec> iov, void* context, std::uint64_t flags) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (!enabled()) return -FI_EOPBADSTATE;
  if (iov.size() > rdm::kMaxIov || (flags & (kRefusedSendFlags | FI_MULTI_RECV | FI_PEEK)) != 0) return -FI_EINVAL;
  if (gone_) return -FI_ENETDOWN;
  if (posted_.size() >= receive_size_ || back_pressure()) return -FI_EAGAIN;
  const bool wanted = !receive_selective_ || (flags & FI_COMPLETION) != 0;
  Posted& receive = posted_.emplace_back();
  receive.iov.assign(iov);
  receive.capacity = rdm::total_length(iov);
  receive.context = context;
  receive.report = report_flags(wanted, receive_queue_, counters_[kReceiveCounter]);
  return 0;
}

ssize_t DatagramEndpoint::cancel(void* context) noexcept {
  if (forked()) return -FI_EOPNOTSUPP;
  std::lock_guard guard(domain.lock);
  if (!enabled()) return -FI_EOPBADSTATE;
  const auto found = std::ranges::find(posted_, context, &Posted::context);
  if (found == posted_.end()) return -FI_ENOENT;
  const std::uint32_t report = found->report;
  posted_.erase(found);
  fail(false, report, context, rdm::Status::kCanceled, 0);
  return 0;
}

void DatagramEndpoint::append_dump(std::string& text) {
  if (const unsigned sends = queue_pair_->sends_in_flight(); sends != 0)
    text += "  " + std::to_string(sends) + " datagrams wait for weftd\n";
  if (!posted_.empty()) text += "  " + std::to_string(posted_.size()) + " receives wait for a datagram from anybody\n";
}

unsigned DatagramEndpoint::move() {
  if (gone_) return 0;
  if (queue_pair_->has_notices()) [[unlikely]] {
    // A reliable endpoint took us for one of its own. What it sends is dropped like any packet that is no datagram.
    NoChannels none;
    queue_pair_->take_notices(none);
  }
  unsigned handled = 0;
  queue_pair_->poll_sends([&](std::uint64_t ticket, efa::SendStatus status) {
    on_sent(ticket, status);
    ++handled;
  });
  // Never more than there are receives for: the rest waits in the queue pair.
  const auto limit = static_cast<unsigned>(std::min<std::size_t>(kReceiveBatch, posted_.size()));
  handled += queue_pair_->poll_receives(limit, [this](const device::Arrival& arrival) { on_arrival(arrival); });
  if ((++turns_ & (handled == 0 ? 15u : 1023u)) == 0) look_around();
  return handled;
}

void DatagramEndpoint::on_sent(std::uint64_t ticket, efa::SendStatus status) {
  oldest_ticket_ = ticket + 1;
  const Sent& sent = sent_[ticket % sent_.size()];
  auto failure = rdm::Status::kOk;
  switch (status) {
    case efa::SendStatus::kOk: break;
    case efa::SendStatus::kRemoteRnr:
    case efa::SendStatus::kRemoteBadDestQpn: ++lost_; break;
    case efa::SendStatus::kLocalUnreachRemote:
    case efa::SendStatus::kLocalInvalidAh: failure = rdm::Status::kUnreachable; break;
    case efa::SendStatus::kFlushed:
    case efa::SendStatus::kLocalQpInternalError: failure = rdm::Status::kDeviceGone; break;
    default: failure = rdm::Status::kInternal;
  }
  if (failure != rdm::Status::kOk) return fail(true, sent.report, sent.context, failure, static_cast<int>(status));
  fi_cq_tagged_entry entry{};
  entry.op_context = sent.context;
  entry.flags = FI_MSG | FI_SEND;
  entry.len = sent.length;
  complete(true, sent.report, entry, FI_ADDR_NOTAVAIL);
}

void DatagramEndpoint::on_arrival(const device::Arrival& arrival) {
  DatagramHeader header;
  if (arrival.payload.size() < sizeof header) return void(++malformed_);
  std::memcpy(&header, arrival.payload.data(), sizeof header);
  if (header.version != kDatagramVersion) return void(++malformed_);
  const std::span<const std::byte> data = arrival.payload.subspan(sizeof header);
  const Posted receive = posted_.front();
  posted_.pop_front();
  const std::size_t placed = std::min(data.size(), receive.capacity);
  rdm::scatter(receive.iov.view(), 0, data.data(), placed);
  if (placed < data.size())
    return fail(false, receive.report, receive.context, rdm::Status::kTruncated, 0, data.size() - placed);
  fi_cq_tagged_entry entry{};
  entry.op_context = receive.context;
  entry.flags = FI_MSG | FI_RECV;
  entry.len = placed;
  entry.buf = receive.iov.count != 0 ? receive.iov.pieces[0].iov_base : nullptr;
  if ((header.flags & kDatagramHasData) != 0) {
    entry.flags |= FI_REMOTE_CQ_DATA;
    entry.data = header.data;
  }
  const fi_addr_t source = (caps_ & FI_SOURCE) != 0 ? addresses_->find(arrival.source) : FI_ADDR_NOTAVAIL;
  complete(false, receive.report, entry, source);
}

void DatagramEndpoint::complete(bool is_send, std::uint32_t report, const fi_cq_tagged_entry& entry, fi_addr_t source) {
  if (Counter* counter = counters_[is_send ? kSendCounter : kReceiveCounter]; counter != nullptr) counter->count(false);
  CompletionQueue* queue = is_send ? transmit_queue_ : receive_queue_;
  if (queue == nullptr || (report & rdm::kCompletion) == 0 || (report & rdm::kCountOnly) != 0) return;
  queue->push({.entry = entry, .source = source});
}

void DatagramEndpoint::fail(bool is_send, std::uint32_t report, void* context, rdm::Status status, int device_status,
                            std::size_t overflow) {
  const int number = provider_error(status, device_status);
  const char* const hint = device_status != 0 ? hint_text(queue_pair_->hint()) : nullptr;
  explain_once(status, domain.address, number, hint);
  if (Counter* counter = counters_[is_send ? kSendCounter : kReceiveCounter];
      counter != nullptr && status != rdm::Status::kCanceled)
    counter->count(true);
  CompletionQueue* queue = is_send ? transmit_queue_ : receive_queue_;
  if (queue == nullptr || (report & kNoContext) != 0) return;
  fi_cq_err_entry error{};
  error.op_context = context;
  error.flags = FI_MSG | (is_send ? FI_SEND : FI_RECV);
  error.olen = overflow;
  error.err = fabric_error(status);
  error.prov_errno = number;
  error.err_data = const_cast<char*>(hint);
  error.err_data_size = hint != nullptr ? std::strlen(hint) + 1 : 0;
  queue->push_error(error);
}

void DatagramEndpoint::look_around() {
  const std::uint64_t now = monotonic_ns();
  if (now - last_look_ns_ < kLookEvery_ns) return;
  last_look_ns_ = now;
  if (queue_pair_->dead()) device_gone();
}

void DatagramEndpoint::device_gone() {
  gone_ = true;
  const std::uint64_t end = oldest_ticket_ + queue_pair_->sends_in_flight();
  for (; oldest_ticket_ != end; ++oldest_ticket_) {
    const Sent& sent = sent_[oldest_ticket_ % sent_.size()];
    fail(true, sent.report, sent.context, rdm::Status::kDeviceGone, 0);
  }
  while (!posted_.empty()) {
    const Posted receive = posted_.front();
    posted_.pop_front();
    fail(false, receive.report, receive.context, rdm::Status::kDeviceGone, 0);
  }
  report_device_gone();
}

}  // namespace weft::provider
