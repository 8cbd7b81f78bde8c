// Wake-up from idle: a packet for a worker that sleeps, until it is out of the other port. This thread, on CPU 0, sends
// and then looks for the packet without sleeping; the worker floats as weftd's does.
#pragma once

#include "bench/latency/histogram.hpp"

namespace weft::bench {

struct WakeupResult {
  Histogram ring, tap;  // tap is empty where TAPs could not be made
  double asleep_share = 0;  // of the time, the worker's
};

/// A network namespace for this process (and, without root, a user namespace), so that the TAPs are nobody's business.
/// Before EAL, while there is one thread. False: there are none to be had, and only rings are measured.
bool enter_namespace();

WakeupResult measure_wakeup(unsigned packets, bool taps);

}  // namespace weft::bench
