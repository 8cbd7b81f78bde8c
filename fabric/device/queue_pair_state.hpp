// What a queue pair uses now and then: private to queue_pair*.cpp.
#pragma once

#include "fabric/device/connection.hpp"
#include "fabric/device/queue_pair.hpp"

namespace weft::device {

struct QueuePair::State {
  FileDescriptor socket, doorbell, arrival;
  std::unique_ptr<Mapping> mapping;
  Address address;
  std::uint32_t qkey = 0;
  bool grants_channels = false;  // the daemon said so in its Hello
};

}  // namespace weft::device
