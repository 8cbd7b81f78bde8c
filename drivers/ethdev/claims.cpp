#include "drivers/ethdev/claims.hpp"

#include <mutex>
#include <set>

namespace weft::ethdev {
namespace {

struct Taken {
  std::mutex mutex;
  std::set<std::string> wires;
};

Taken& taken() {
  static Taken all;
  return all;
}

}  // namespace

std::optional<Claim> Claim::take(std::string wire) {
  Taken& all = taken();
  const std::lock_guard lock(all.mutex);
  if (!all.wires.insert(wire).second) return std::nullopt;
  return Claim(std::move(wire));
}

Claim::~Claim() {
  if (wire_.empty()) return;
  Taken& all = taken();
  const std::lock_guard lock(all.mutex);
  all.wires.erase(wire_);
}

}  // namespace weft::ethdev
