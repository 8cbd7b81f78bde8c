// Collectives: not offered by fi_getinfo, but their slots must answer.
#include <rdma/fi_collective.h>

#include "fabric/provider/endpoint.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {

constinit fi_ops_collective no_collective_ops = {
    .size = sizeof(fi_ops_collective),
    .barrier = unsupported,
    .broadcast = unsupported,
    .alltoall = unsupported,
    .allreduce = unsupported,
    .allgather = unsupported,
    .reduce_scatter = unsupported,
    .reduce = unsupported,
    .scatter = unsupported,
    .gather = unsupported,
    .msg = unsupported,
    .barrier2 = unsupported,
};

}  // namespace weft::provider
