// Lists whose links are inside the elements, and pools of elements that are used again: the message path allocates
// nothing once it has seen its largest number of everything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weft::rdm {

template <typename T>
struct Hook {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

/// Doubly linked, first in first out. An element is in at most one list per hook.
template <typename T, Hook<T> T::* hook>
class List {
 public:
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_ == nullptr; }
  T* front() const { return head_; }
  T* back() const { return tail_; }
  static T* next(const T& element) { return (element.*hook).next; }
  static T* previous(const T& element) { return (element.*hook).previous; }
  static bool linked(const T& element) { return (element.*hook).linked; }

  void push_back(T& element) { insert_after(tail_, element); }
  void push_front(T& element) { insert_after(nullptr, element); }

  /// After `position`, or in front when that is null.
  void insert_after(T* position, T& element) {
    Hook<T>& link = element.*hook;
    link.previous = position;
    link.next = position ? (position->*hook).next : head_;
    link.linked = true;
    (position ? (position->*hook).next : head_) = &element;
    (link.next ? (link.next->*hook).previous : tail_) = &element;
  }

  void remove(T& element) {
    Hook<T>& link = element.*hook;
    (link.previous ? (link.previous->*hook).next : head_) = link.next;
    (link.next ? (link.next->*hook).previous : tail_) = link.previous;
    link = {};
  }

  T* pop_front() {
    T* element = head_;
    if (element) remove(*element);
    return element;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

/// Elements by address and by number. T has `std::uint32_t id`, `bool live` and `void reset()`.
template <typename T>
class Pool {
 public:
  T* take() {
    if (free_.empty()) grow();
    T* element = free_.back();
    free_.pop_back();
    element->live = true;
    ++live_;
    return element;
  }

  void give_back(T* element) {
    element->reset();
    element->live = false;
    --live_;
    free_.push_back(element);
  }

  /// The live element of that number, or null: numbers come from peers.
  T* find(std::uint32_t id) {
    if (id / kChunk >= chunks_.size()) return nullptr;
    T* element = &chunks_[id / kChunk][id % kChunk];
    return element->live ? element : nullptr;
  }

  template <typename Visit>
  void for_each_live(Visit&& visit) {
    // Not by iterator: a visit may take elements.
    for (std::size_t chunk = 0; chunk < chunks_.size(); ++chunk)
      for (std::size_t i = 0; i < kChunk; ++i)
        if (chunks_[chunk][i].live) visit(chunks_[chunk][i]);
  }

  std::size_t live() const { return live_; }

 private:
  static constexpr std::size_t kChunk = 64;

  void grow() {
    auto first = static_cast<std::uint32_t>(chunks_.size() * kChunk);
    chunks_.push_back(std::make_unique<T[]>(kChunk));
    free_.reserve(chunks_.size() * kChunk);
    for (std::uint32_t i = kChunk; i-- > 0;) {
      T* element = &chunks_.back()[i];
      element->id = first + i;
      free_.push_back(element);
    }
  }

  std::vector<std::unique_ptr<T[]>> chunks_;
  std::vector<T*> free_;
  std::size_t live_ = 0;
};

}  // namespace weft::rdm
