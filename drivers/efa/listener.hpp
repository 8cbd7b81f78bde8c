// Listening sockets of the EFA server on paths, for machines without network namespaces (DESIGN D9).
#pragma once

#include <string>

#include "drivers/efa/error.hpp"
#include "drivers/efa/file_descriptor.hpp"

namespace weft::efa {

/// A listening SOCK_SEQPACKET socket <path>, mode 0600, in a directory of ours that is made 0700 if it is not there.
EfaError listen_on_path(const std::string& path, FileDescriptor& listening);

}  // namespace weft::efa
