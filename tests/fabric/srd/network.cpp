#include "tests/fabric/srd/network.hpp"

#include <algorithm>

namespace weft::srd::test {

double PathCondition::passes() const {
  double share = 1 - corrupted / 1'000.0;
  if (down_every_ns != 0) share *= 1 - static_cast<double>(down_ns) / static_cast<double>(down_every_ns);
  switch (loss) {
    case Loss::kNone: break;
    case Loss::kBernoulli: share *= 1 - loss_rate / 1'000.0; break;
    case Loss::kNth: share *= 1 - 1.0 / loss_rate; break;
    case Loss::kGilbertElliott: share *= 1 - 0.8 * loss_rate / (loss_rate + 200.0); break;
  }
  return share;
}

Network::Network(std::vector<PathCondition> paths, std::uint64_t seed) : random_(seed) {
  for (const PathCondition& condition : paths) paths_.push_back({condition});
}

std::vector<Copy> Network::carry(std::uint32_t path, std::uint64_t now_ns) {
  Path& way = paths_.at(path);
  std::vector<Copy> copies;
  if (!lost(way, now_ns)) copies.push_back(copy(way, now_ns));
  if (!copies.empty() && chance(way.condition.duplicated)) copies.push_back(copy(way, now_ns));
  return copies;
}

bool Network::lost(Path& path, std::uint64_t now_ns) {
  const PathCondition& condition = path.condition;
  ++path.count;
  if (condition.down_every_ns != 0 && now_ns % condition.down_every_ns < condition.down_ns) return true;
  switch (condition.loss) {
    case Loss::kNone: return false;
    case Loss::kBernoulli: return chance(condition.loss_rate);
    case Loss::kNth: return path.count % condition.loss_rate == 0;
    case Loss::kGilbertElliott:
      path.bad = path.bad ? !chance(200) : chance(condition.loss_rate);
      return path.bad && chance(800);
  }
  return false;
}

Copy Network::copy(Path& path, std::uint64_t now_ns) {
  const PathCondition& condition = path.condition;
  std::uint64_t at = now_ns + condition.latency_ns;
  if (condition.jitter_ns != 0) at += random_.next() % condition.jitter_ns;
  if (chance(condition.overtaken)) {
    at += random_.next() % (4 * condition.latency_ns);
  } else {
    at = std::max(at, path.last_at_ns);
    path.last_at_ns = at;
  }
  return {at, chance(condition.corrupted), chance(condition.marked)};
}

bool Network::perfect() const {
  return std::all_of(paths_.begin(), paths_.end(), [](const Path& path) {
    const PathCondition& condition = path.condition;
    return condition.loss == Loss::kNone && condition.duplicated + condition.overtaken + condition.corrupted == 0 &&
           condition.down_every_ns == 0;
  });
}

}  // namespace weft::srd::test
