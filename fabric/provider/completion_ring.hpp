// The entries of a completion queue, in order, successes and errors mixed. Grows instead of losing one: Open MPI opens
// a queue of 100 entries and has thousands of operations outstanding (facts fabric 8.2). Memory appears with the first
// entry, so that an unused queue costs nothing.
#pragma once

#include <rdma/fi_eq.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace weft::provider {

/// A success, in the largest format; every other format is a prefix of fi_cq_tagged_entry.
struct CompletionEntry {
  fi_cq_tagged_entry entry;
  std::uint64_t source = 0;  // fi_addr_t
  bool is_error = false;     // the entry itself is then the first of `errors`
};

class CompletionRing {
 public:
  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }
  const CompletionEntry& front() const { return entries_[head_ & (entries_.size() - 1)]; }
  const fi_cq_err_entry& front_error() const { return errors_.front(); }

  void pop() {
    if (front().is_error) errors_.pop_front();
    ++head_;
  }

  void push(const CompletionEntry& entry) {
    if (size() == entries_.size()) grow();
    entries_[tail_++ & (entries_.size() - 1)] = entry;
  }

  void push_error(const fi_cq_err_entry& error) {
    errors_.push_back(error);
    push({.entry = {}, .source = 0, .is_error = true});
  }

 private:
  void grow() {
    std::vector<CompletionEntry> larger(entries_.empty() ? 64 : entries_.size() * 2);
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) larger[i] = entries_[(head_ + i) & (entries_.size() - 1)];
    entries_.swap(larger);
    head_ = 0;
    tail_ = count;
  }

  std::vector<CompletionEntry> entries_;  // a power of two
  std::size_t head_ = 0, tail_ = 0;
  std::deque<fi_cq_err_entry> errors_;
};

}  // namespace weft::provider
