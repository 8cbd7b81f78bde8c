#include "drivers/efa/destination_table.hpp"

#include <cstring>

#include "drivers/efa/function.hpp"
#include "drivers/efa/queue_pair.hpp"

namespace weft::efa {
namespace {

template <typename T>
void unlink(T*& head, T& item) noexcept {
  for (T** link = &head; *link != nullptr; link = &(*link)->next_in_bucket) {
    if (*link != &item) continue;
    *link = item.next_in_bucket;
    item.next_in_bucket = nullptr;
    return;
  }
}

template <typename T>
void push(T*& head, T& item) noexcept {
  item.next_in_bucket = head;
  head = &item;
}

constexpr std::uint64_t kMix = 0x9e3779b97f4a7c15ULL;

}  // namespace

std::size_t DestinationTable::bucket(std::uint32_t vpc, const AddressBytes& address) noexcept {
  std::uint64_t high, low;
  std::memcpy(&high, address.data(), 8);
  std::memcpy(&low, address.data() + 8, 8);
  return ((high ^ low * kMix ^ vpc) * kMix >> 32) % kFunctionBuckets;
}

std::size_t DestinationTable::bucket(const Function& function, std::uint32_t qpn) noexcept {
  return ((reinterpret_cast<std::uintptr_t>(&function) >> 6 ^ std::uint64_t{qpn} << 32) * kMix >> 40) %
         kQueuePairBuckets;
}

void DestinationTable::insert(Function& function) noexcept {
  push(functions_[bucket(function.declared.vpc, function.declared.address.octets)], function);
  ++version_;
}

void DestinationTable::remove(Function& function) noexcept {
  unlink(functions_[bucket(function.declared.vpc, function.declared.address.octets)], function);
  ++version_;
}

void DestinationTable::insert(QueuePair& queue_pair) noexcept {
  push(queue_pairs_[bucket(queue_pair.function(), queue_pair.qpn())], queue_pair);
  ++version_;
}

void DestinationTable::remove(QueuePair& queue_pair) noexcept {
  unlink(queue_pairs_[bucket(queue_pair.function(), queue_pair.qpn())], queue_pair);
  ++version_;
}

Function* DestinationTable::find(std::uint32_t vpc, const AddressBytes& address) const noexcept {
  Function* function = functions_[bucket(vpc, address)];
  while (function != nullptr && (function->declared.vpc != vpc || function->declared.address.octets != address))
    function = function->next_in_bucket;
  return function;
}

QueuePair* DestinationTable::find(const Function& function, std::uint32_t qpn) const noexcept {
  QueuePair* queue_pair = queue_pairs_[bucket(function, qpn)];
  while (queue_pair != nullptr && (&queue_pair->function() != &function || queue_pair->qpn() != qpn))
    queue_pair = queue_pair->next_in_bucket;
  return queue_pair;
}

}  // namespace weft::efa
