// Which posted receive takes an arriving message, and which arrived message a new receive takes. One of these for
// tagged and one for untagged traffic (there the tag is always 0).
//
// libfabric's rule: a message goes to the receive posted first among those it fits; a receive takes the message that
// arrived first among those that fit. Both are found by hash of (tag without the loose bits, source). Loose bits are
// tag bits that receives commonly ignore: Open MPI's mtl ignores its synchronous-send bits in every receive it posts,
// so a table keyed by the whole tag would never be used by it. Receives that ignore more stand in an ordered list of
// wildcards; sequence numbers decide between that list and the bins.
//
// tests/fabric/rdm compares this with two plain lists on random traffic.
#pragma once

#include <cstdint>
#include <vector>

#include "fabric/rdm/operations.hpp"

namespace weft::rdm {

class MatchQueue {
 public:
  MatchQueue();

  void post(ReceiveOperation& receive);
  void unpost(ReceiveOperation& receive);
  /// The receive for a message that arrives now, or null. It stays posted.
  ReceiveOperation* match_arrival(const Peer* source, std::uint64_t tag) const;
  /// The oldest posted receive with this context, or null.
  ReceiveOperation* find_posted(const void* context) const;
  ReceiveOperation* oldest_posted() const { return posted_.front(); }
  std::size_t posted() const { return posted_count_; }

  void add_unexpected(Message& message);
  void remove_unexpected(Message& message);
  /// The oldest unexpected message for such a receive, or null. `source` null: from anybody. It stays.
  Message* match_receive(std::uint64_t tag, std::uint64_t ignore, const Peer* source);
  std::size_t unexpected() const { return unexpected_count_; }

 private:
  using PostedBin = List<ReceiveOperation, &ReceiveOperation::bin>;
  using UnexpectedBin = List<Message, &Message::bin>;

  /// More loose bits would put too many keys into one bin.
  static constexpr int kMaxLooseBits = 8;

  std::size_t bin_of(std::uint64_t tag, const Peer* source) const;
  bool fits_bins(std::uint64_t ignore) const { return (ignore & ~loose_) == 0; }
  /// Makes the bits of `ignore` loose if there are few.
  bool loosen(std::uint64_t ignore);
  void rebuild(std::size_t bins);

  std::uint64_t loose_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::size_t posted_count_ = 0, unexpected_count_ = 0;
  std::size_t directed_count_ = 0, undirected_count_ = 0;  // posted receives in bins, by whether they name a source
  List<ReceiveOperation, &ReceiveOperation::order> posted_;
  List<Message, &Message::order> unexpected_;
  PostedBin wildcards_;
  // Both of a power of two. std::vector cannot move lists, so they are replaced as a whole when they grow.
  std::vector<PostedBin> posted_bins_;
  std::vector<UnexpectedBin> unexpected_bins_;
};

}  // namespace weft::rdm
