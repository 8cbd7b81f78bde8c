#pragma once

namespace weft::test {

/// Under ThreadSanitizer, buffers of every pool made from now on pass between threads in an order that it sees; else
/// nothing. After EAL has started.
void watch_pools();

}  // namespace weft::test
