#pragma once

namespace weft::bench {

/// How much later a packet comes for having been lost once: a table, or one JSON object a row.
void print_recovery(bool json);

}  // namespace weft::bench
