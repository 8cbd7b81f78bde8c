// Latency while the worker polls: from a push into the ring of one port to the pop out of the other's.
//
// This thread, on CPU 0, stamps each packet with the TSC when it pushes it; a worker of the engine polls on CPU 1. All
// packets are of established flows and recirculate, so nothing is allocated. Times that the host of a virtual machine
// takes from either CPU are in the tail.
#pragma once

#include "bench/latency/histogram.hpp"

namespace weft::bench {

struct PollingResult {
  double capacity_mpps = 0;   // of generator and worker together, the generator sending all that comes back
  double low_mpps = 0, high_mpps = 0;  // what was sent at the low rate, and at 80 % of the capacity
  Histogram low, high;
};

PollingResult measure_polling(double seconds);

}  // namespace weft::bench
