#pragma once

namespace weft::bench {

/// Senders that each have a message for one receiver at once, round after round: a table, or one JSON object a row.
void print_incast(bool json);

}  // namespace weft::bench
