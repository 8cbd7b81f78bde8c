// fid_poll: which of several queues and counters have something (fi_poll(3)).
#pragma once

#include <rdma/fi_domain.h>

namespace weft::provider {

int open_poll_set(fid_domain* domain, fi_poll_attr* attributes, fid_poll** set) noexcept;

}  // namespace weft::provider
