// What fi_getinfo does not offer, collectives and everything but messages of datagram endpoints: the slots must answer.
#include <rdma/fi_collective.h>

#include "fabric/provider/datagram.hpp"
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

constinit fi_ops_tagged no_tagged_ops = {
    .size = sizeof(fi_ops_tagged),
    .recv = unsupported,
    .recvv = unsupported,
    .recvmsg = unsupported,
    .send = unsupported,
    .sendv = unsupported,
    .sendmsg = unsupported,
    .inject = unsupported,
    .senddata = unsupported,
    .injectdata = unsupported,
};

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

}  // namespace weft::provider
