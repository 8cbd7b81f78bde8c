#include "tests/fabric/srd/schedule.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include "fabric/srd/acknowledgement.hpp"

namespace weft::srd::test {
namespace {

std::uint64_t between(Random& random, std::uint64_t low, std::uint64_t high) {
  return low + random.next() % (high - low + 1);
}

PathCondition condition(Random& random, std::uint32_t trouble, std::uint64_t latency_ns) {
  PathCondition path;
  path.latency_ns = between(random, latency_ns / 2, latency_ns);
  if (trouble == 0) return path;
  if (random.below(2) == 0) path.jitter_ns = between(random, 1, path.latency_ns);
  switch (random.below(4)) {
    case 0: break;
    case 1:
      path.loss = Loss::kBernoulli;
      path.loss_rate = random.below(trouble == 1 ? 20 : 300);
      break;
    case 2:
      path.loss = Loss::kGilbertElliott;
      path.loss_rate = 1 + random.below(trouble == 1 ? 10 : 100);
      break;
    default:
      path.loss = Loss::kNth;
      path.loss_rate = 2 + random.below(trouble == 1 ? 200 : 10);
      break;
  }
  if (random.below(3) == 0) path.duplicated = random.below(trouble == 1 ? 20 : 300);
  if (random.below(3) == 0) path.overtaken = random.below(trouble == 1 ? 20 : 300);
  if (random.below(3) == 0) path.corrupted = random.below(trouble == 1 ? 20 : 200);
  if (random.below(3) == 0) path.marked = random.below(trouble == 1 ? 50 : 500);
  if (random.below(4) == 0) {
    path.down_every_ns = between(random, 100'000, 20'000'000);
    path.down_ns = path.down_every_ns / between(random, 2, 10);
  }
  return path;
}

}  // namespace

Schedule Schedule::from(std::uint64_t seed) {
  Random random(seed ^ 0x5bd1e995);
  Schedule schedule;
  schedule.seed = seed;
  schedule.settings = std::array{bare_metal(), virtual_machine(), continuous_integration()}[random.below(10) / 4];
  schedule.settings.paths = std::array{1u, 2u, 4u, 16u, 64u}[random.below(5)];
  const std::uint32_t trouble = random.below(3);
  const std::uint64_t latency_ns = std::array{5'000u, 20'000u, 100'000u}[random.below(3)];
  for (std::uint32_t path = 0; path < schedule.settings.paths; ++path) {
    schedule.there.push_back(condition(random, trouble, latency_ns));
    schedule.back.push_back(condition(random, trouble, latency_ns));
  }
  schedule.packets = 20 + random.below(400);
  schedule.burst = random.below(2) == 0 ? schedule.packets : 1 + random.below(64);
  schedule.burst_gap_ns = between(random, 1'000, 1'000'000);
  schedule.local = std::array{0u, 0u, 300u, 1'000u}[random.below(4)];
  schedule.refused = random.below(3) == 0 ? random.below(100) : 0;
  schedule.device_ns = between(random, 100, random.below(4) == 0 ? 200'000 : 2'000);
  schedule.ring = std::array{16u, 64u, 512u}[random.below(3)];
  schedule.batch = 1 + random.below(64);
  schedule.turn_ns = between(random, 100, 20'000);
  schedule.stalls = random.below(3) == 0 ? random.below(50) : 0;
  schedule.stall_ns = between(random, 100'000, 200'000'000);
  schedule.progress_known = random.below(4) != 0;
  if (random.below(5) == 0) schedule.restart_ns = between(random, 1, 5'000'000);
  if (random.below(6) == 0) {
    schedule.settings.unresponsive_ns = between(random, 30'000'000, 300'000'000);
    schedule.blackout_ns = between(random, 1, 5'000'000);
    schedule.blackout_for_ns = between(random, 1'000'000, 1'000'000'000);
  }
  if (random.below(8) == 0) schedule.give_up_at = 1 + random.below(schedule.packets);
  if (random.below(10) == 0) schedule.calm_but_busy(latency_ns);
  return schedule;
}

void Schedule::calm_but_busy(std::uint64_t latency_ns) {
  settings.paths = 1;
  there.assign(1, {.latency_ns = latency_ns});
  back = there;
  progress_known = true;
  restart_ns = blackout_ns = 0;
  ring = kMaxOutstanding;
  stalls = 200;
}

double Schedule::succeeds() const {
  double best = 0, answers = 0;
  for (const PathCondition& path : there) best = std::max(best, path.passes());
  for (const PathCondition& path : back) answers += path.passes() / static_cast<double>(back.size());
  return best * answers;
}

std::string Schedule::text() const {
  std::ostringstream out;
  out << "seed " << seed << ": " << packets << " packets in bursts of " << burst << " every " << burst_gap_ns << " ns, "
      << settings.paths << " paths, timeout " << settings.timeout_floor_ns << " ns, local " << local
      << "/1000, refused " << refused << "/1000, device " << device_ns << " ns, ring " << ring << ", batch " << batch
      << " every " << turn_ns << " ns, stalls " << stalls << "/1000 of " << stall_ns << " ns, progress "
      << (progress_known ? "known" : "unknown") << ", restart at " << restart_ns << ", blackout at " << blackout_ns
      << " for " << blackout_for_ns << ", gives up at " << give_up_at;
  for (std::size_t i = 0; i < there.size(); ++i)
    for (const PathCondition& path : {there[i], back[i]})
      out << "\n  path " << i << ": latency " << path.latency_ns << " jitter " << path.jitter_ns << " loss "
          << int(path.loss) << '/' << path.loss_rate << " duplicated " << path.duplicated << " overtaken "
          << path.overtaken << " corrupted " << path.corrupted << " marked " << path.marked << " down " << path.down_ns
          << " of " << path.down_every_ns;
  return out.str();
}

}  // namespace weft::srd::test
