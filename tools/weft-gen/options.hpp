// The command line of weft-gen, checked as far as it can be without a device.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"
#include "tools/weft-gen/device/ethernet_port.hpp"
#include "tools/weft-gen/traffic/flows.hpp"
#include "tools/weft-gen/traffic/rate.hpp"
#include "tools/weft-gen/traffic/sizes.hpp"

namespace weft::gen {

enum class Method { kRun, kThroughput, kLatency, kLoss, kBackToBack, kSearch, kRfc2544 };

struct Options {
  Method method = Method::kRun;
  std::string method_name, command_line;

  // the device
  std::vector<DeviceArguments> ports;  // one or two; none: the engine
  bool engine_refuse = false;
  std::uint64_t engine_pps = 0;
  bool both = false;
  unsigned memory_mb = 512;
  bool huge_pages = true, hardware_timestamps = false;
  unsigned ring_size = 1024;
  std::vector<int> cpus;
  double link_seconds = 10;

  // traffic
  std::vector<SizeMix> sizes;
  bool sizes_chosen = false;
  std::optional<Rate> rate, max_rate;
  std::optional<double> line_bps;
  bool tcp = false, ipv6 = false;
  std::uint32_t flows = 1, streams = 0;  // 0: as many as flows, at most 256
  std::optional<AddressRange> source, destination;
  PortRange source_port{1024, 65535}, destination_port{7, 7};  // 7: echo, RFC 2544 C.2.6.4
  std::optional<MacAddress> destination_mac, reverse_destination_mac;
  std::uint64_t seed = 1;
  std::string pcap;
  double speed = 1;
  std::uint64_t loops = 1;

  // method
  double trial_seconds = 10, search_seconds = 1, drain_seconds = 2, settle_seconds = 0;
  unsigned repeats = 0;  // 0: as the method has it
  unsigned verify = 0;
  double precision = 0.005, sender_tolerance = 0.005, step = 0.1;
  std::vector<double> acceptable_losses;

  // output
  bool json = false, quiet = false;
  std::string csv, html;
};

struct ParsedCommand {
  std::optional<Options> options;  // empty: all was said already (--help), or it was wrong
  int exit_code = 0;               // then; 2: usage
};
ParsedCommand parse_command(int argc, char** argv);

}  // namespace weft::gen
