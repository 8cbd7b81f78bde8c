#include "dataplane/flow/fragments.hpp"

#include <cstring>
#include <functional>
#include <new>

#include "dataplane/flow/entry.hpp"

namespace weft {

bool FragmentId::operator==(const FragmentId& other) const noexcept {
  return std::memcmp(this, &other, sizeof *this) == 0;
}

FragmentTable::FragmentTable()
    : records_(static_cast<Record*>(std::calloc(kPages * kPacketsOfAPage, sizeof(Record)))) {
  if (records_ == nullptr) throw std::bad_alloc();
}

std::size_t FragmentTable::place(const FragmentId& id) noexcept {
  const std::hash<IpAddress> hash;
  const std::uint64_t name = std::uint64_t{id.identification} << 8 | id.protocol;
  const std::uint64_t mixed = detail::multiply_fold(hash(id.source) ^ name, hash(id.destination) ^ 0x9e3779b97f4a7c15ULL);
  return id.eni % kPages * kPacketsOfAPage + detail::finish_hash(mixed) % kPacketsOfAPage;
}

void FragmentTable::remember(const FragmentId& id, const FirstFragment& first, std::uint32_t now) noexcept {
  records_[place(id)] = {id, first, now, 1};
}

const FirstFragment* FragmentTable::find(const FragmentId& id, std::uint32_t offset, std::uint32_t now) const noexcept {
  const Record& record = records_[place(id)];
  if (record.used == 0 || !(record.id == id) || offset < record.first.bytes) return nullptr;
  return static_cast<std::int32_t>(now - record.seen) > static_cast<std::int32_t>(kFragmentTimeout) ? nullptr
                                                                                                   : &record.first;
}

}  // namespace weft
