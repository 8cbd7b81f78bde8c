// weft-loopback-daemon DIRECTORY INSTANCE...: a daemon for provider and MPI tests that need separate processes but no
// namespaces. Serves one EFA function (10.0.1.1, 10.0.1.2, ...) per instance named, prints "ready", and stays until
// its standard input ends or it gets SIGTERM. Clients set WEFT_RUNTIME_DIR=DIRECTORY and WEFT_INSTANCE.
//
// Lines on standard input steer it: "deny N" refuses packets to and from 10.0.1.N, "allow" everything again.
#include <atomic>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "drivers/efa/testing/loopback_daemon.hpp"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: weft-loopback-daemon DIRECTORY INSTANCE...\n");
    return 2;
  }
  try {
    std::vector<weft::EfaFunction> functions;
    for (int i = 2; i < argc; ++i)
      functions.push_back(weft::LoopbackDaemon::function(argv[i], static_cast<std::uint8_t>(i - 1)));
    weft::LoopbackDaemon daemon(argv[1], functions);
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream words(line);
      std::string verb;
      unsigned denied = 0;  // no function has slot 0
      words >> verb >> denied;
      daemon.set_gate([denied](weft::EniSlot from, weft::EniSlot to) {
        return denied != 0 && (from == denied || to == denied) ? weft::EfaVerdict::kGroupIngress
                                                               : weft::EfaVerdict::kAllow;
      });
      std::cout << "done" << std::endl;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weft-loopback-daemon: %s\n", error.what());
    return 1;
  }
  return 0;
}
