// What `ps` shows of a forked process that does not execute anything.
#pragma once

#include <string_view>

namespace weft::holder {

/// Overwrites the argument vector in place; as much of `title` as fits. Without it the holder would look like a second
/// weftd, and be killed with the first.
void set_process_title(std::string_view title);

}  // namespace weft::holder
