// Remote memory access, atomics and collectives: not offered by fi_getinfo yet, but their slots must answer.
#include <rdma/fi_atomic.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_rma.h>

#include "fabric/provider/endpoint.hpp"
#include "fabric/provider/stubs.hpp"

namespace weft::provider {

constinit fi_ops_rma no_rma_ops = {
    .size = sizeof(fi_ops_rma),
    .read = unsupported,
    .readv = unsupported,
    .readmsg = unsupported,
    .write = unsupported,
    .writev = unsupported,
    .writemsg = unsupported,
    .inject = unsupported,
    .writedata = unsupported,
    .injectdata = unsupported,
};

constinit fi_ops_atomic no_atomic_ops = {
    .size = sizeof(fi_ops_atomic),
    .write = unsupported,
    .writev = unsupported,
    .writemsg = unsupported,
    .inject = unsupported,
    .readwrite = unsupported,
    .readwritev = unsupported,
    .readwritemsg = unsupported,
    .compwrite = unsupported,
    .compwritev = unsupported,
    .compwritemsg = unsupported,
    .writevalid = unsupported,
    .readwritevalid = unsupported,
    .compwritevalid = unsupported,
};

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
