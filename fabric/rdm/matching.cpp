#include "fabric/rdm/matching.hpp"

#include <algorithm>
#include <bit>

namespace weft::rdm {

namespace {

constexpr std::size_t kFirstBins = 64;
constexpr std::size_t kMostBins = 1u << 16;

bool fits(const ReceiveOperation& receive, const Peer* source, std::uint64_t tag) {
  return ((receive.tag ^ tag) & ~receive.ignore) == 0 && (!receive.source || receive.source == source);
}

}  // namespace

MatchQueue::MatchQueue() : posted_bins_(kFirstBins), unexpected_bins_(kFirstBins) {}

std::size_t MatchQueue::bin_of(std::uint64_t tag, const Peer* source) const {
  std::uint64_t mixed = (tag & ~loose_) * 0x9e3779b97f4a7c15;
  mixed ^= reinterpret_cast<std::uintptr_t>(source) >> 4;
  mixed *= 0xff51afd7ed558ccd;
  return (mixed >> 40) & (posted_bins_.size() - 1);
}

bool MatchQueue::loosen(std::uint64_t ignore) {
  if (fits_bins(ignore)) return true;
  if (std::popcount(loose_ | ignore) > kMaxLooseBits) return false;
  loose_ |= ignore;
  rebuild(posted_bins_.size());
  return true;
}

void MatchQueue::rebuild(std::size_t bins) {
  // Going through the ordered lists keeps every bin in order.
  posted_bins_ = std::vector<PostedBin>(bins);
  unexpected_bins_ = std::vector<UnexpectedBin>(bins);
  for (ReceiveOperation* receive = posted_.front(); receive; receive = decltype(posted_)::next(*receive)) {
    if (!receive->in_wildcards) posted_bins_[bin_of(receive->tag, receive->source)].push_back(*receive);
  }
  for (Message* message = unexpected_.front(); message; message = decltype(unexpected_)::next(*message)) {
    unexpected_bins_[bin_of(message->tag, message->peer)].push_back(*message);
  }
}

void MatchQueue::post(ReceiveOperation& receive) {
  const bool binned = loosen(receive.ignore);
  if (posted_count_ >= 2 * posted_bins_.size() && posted_bins_.size() < kMostBins) rebuild(posted_bins_.size() * 4);
  receive.sequence = next_sequence_++;
  receive.posted = true;
  receive.in_wildcards = !binned;
  posted_.push_back(receive);
  ++posted_count_;
  if (binned) {
    posted_bins_[bin_of(receive.tag, receive.source)].push_back(receive);
    ++(receive.source ? directed_count_ : undirected_count_);
  } else {
    wildcards_.push_back(receive);
  }
}

void MatchQueue::unpost(ReceiveOperation& receive) {
  posted_.remove(receive);
  --posted_count_;
  receive.posted = false;
  if (receive.in_wildcards) {
    wildcards_.remove(receive);
  } else {
    posted_bins_[bin_of(receive.tag, receive.source)].remove(receive);
    --(receive.source ? directed_count_ : undirected_count_);
  }
}

ReceiveOperation* MatchQueue::match_arrival(const Peer* source, std::uint64_t tag) const {
  ReceiveOperation* best = nullptr;
  const auto search = [&](const PostedBin& list) {
    for (ReceiveOperation* receive = list.front(); receive; receive = PostedBin::next(*receive)) {
      if (best && receive->sequence > best->sequence) return;
      if (fits(*receive, source, tag)) {
        best = receive;
        return;
      }
    }
  };
  if (directed_count_ != 0) search(posted_bins_[bin_of(tag, source)]);
  if (undirected_count_ != 0) search(posted_bins_[bin_of(tag, nullptr)]);
  if (!wildcards_.empty()) search(wildcards_);
  return best;
}

ReceiveOperation* MatchQueue::find_posted(const void* context) const {
  ReceiveOperation* receive = posted_.front();
  while (receive && receive->context != context) receive = decltype(posted_)::next(*receive);
  return receive;
}

void MatchQueue::add_unexpected(Message& message) {
  if (unexpected_count_ >= 2 * unexpected_bins_.size() && unexpected_bins_.size() < kMostBins) {
    rebuild(unexpected_bins_.size() * 4);
  }
  unexpected_.push_back(message);
  ++unexpected_count_;
  unexpected_bins_[bin_of(message.tag, message.peer)].push_back(message);
}

void MatchQueue::remove_unexpected(Message& message) {
  unexpected_.remove(message);
  --unexpected_count_;
  unexpected_bins_[bin_of(message.tag, message.peer)].remove(message);
}

Message* MatchQueue::match_receive(std::uint64_t tag, std::uint64_t ignore, const Peer* source) {
  if (unexpected_count_ == 0) return nullptr;
  const auto wanted = [&](const Message& message) {
    return ((message.tag ^ tag) & ~ignore) == 0 && (!source || message.peer == source);
  };
  // A bin holds every message of its key in order of arrival, so its first that fits is the oldest of all.
  if (source && loosen(ignore)) {
    Message* message = unexpected_bins_[bin_of(tag, source)].front();
    while (message && !wanted(*message)) message = UnexpectedBin::next(*message);
    return message;
  }
  Message* message = unexpected_.front();
  while (message && !wanted(*message)) message = decltype(unexpected_)::next(*message);
  return message;
}

}  // namespace weft::rdm
