// One rung's engine with its packets going round.
//
// Nothing but the engine is in it: packets are prebuilt, all headers differ, nothing is allocated. The worker is the
// caller's thread, or threads of the engine's own where the rung asks for several.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/engine/network.hpp"
#include "bench/engine/stages_only.hpp"
#include "dataplane/worker/engine.hpp"
#include "drivers/ring/packet_ring.hpp"

namespace weft::bench {

enum class Capture : std::uint8_t { kNone, kOther, kBoth };  // of nobody in the loop, or of both ends

struct Rung {
  std::string name;     // "flows-10k"
  std::string what;     // for the table
  NetworkOptions network{};
  std::uint32_t flows = 1;   // all pairs together
  bool new_flows = false;    // every packet is a flow's first
  bool stages_only = false;  // parse, spoof check, destination and delivery, without any state
  Capture capture = Capture::kNone;
  unsigned workers = 0;      // 0: the caller's thread
  double floor_mpps = 0, goal_mpps = 0;  // 0: none asked
};

[[noreturn]] void fail(const std::string& why);

class Loop {
 public:
  using Clock = std::uint64_t (*)();

  /// `clock`: the engine's, in nanoseconds, where it is not to be the machine's.
  explicit Loop(const Rung& rung, Clock clock = nullptr);
  ~Loop();

  unsigned turn();           // of the caller's thread; returns packets handled
  std::uint64_t delivered(); // by all workers so far
  std::uint32_t packets() const noexcept { return packets_; }
  std::size_t working_set() const noexcept;  // bytes of the packets that are touched: mbuf and header lines

  /// Stops the workers. Exits with a sentence when packets were dropped or flows are missing: then it was something else.
  void finish();

 private:
  struct FreePool {
    void operator()(rte_mempool* pool) const noexcept;
  };

  Rung rung_;
  std::uint32_t packets_;
  std::unique_ptr<rte_mempool, FreePool> pool_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<StagesOnly> stages_;
  std::shared_ptr<CaptureSession> capture_;
};

}  // namespace weft::bench
