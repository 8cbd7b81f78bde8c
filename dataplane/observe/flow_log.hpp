// Flow logs in AWS's record format: collects what the workers' tables hold and makes lines at the end of each
// aggregation interval. An ENI without traffic has a NODATA line, one whose records found no room a SKIPDATA line.
//
// What is never logged (facts ec2 1.9): the link-local services, DHCP, the router's reserved address; the fabric
// answers these itself, so they reach no table. Thread: control.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/observe/flow_log_format.hpp"
#include "dataplane/observe/flow_log_table.hpp"

namespace weft {

/// The ENI's words in a line.
struct FlowLogEni {
  std::string interface_id;
  std::string subnet_id;
  std::string instance_id;  // empty: "-"
  std::string az_id;
  std::optional<Ipv4Address> primary_ip;  // what srcaddr and dstaddr show for any of its IPv4 addresses
};

class FlowLog {
 public:
  struct Options {
    FlowLogFormat format;
    std::string account_id = "123456789012";  // the account of AWS's examples
    std::string vpc_id;
    std::string region = "us-east-1";
    std::size_t max_records = 1U << 18;           // of an interval, all ENIs together
    std::uint64_t interval_ns = 600'000'000'000;  // 60 s or 600 s: the maximum aggregation interval
    std::int64_t wall_offset_ns = 0;              // what makes the workers' clock the time since 1970
  };
  FlowLog(Options options, std::uint64_t now_ns) : options_(std::move(options)), begun_ns_(now_ns) {}

  /// Its lines begin with the interval that is running.
  void add(std::uint16_t slot, FlowLogEni eni);
  /// Its records of the interval that is running are lines at its end; NODATA is not said of it.
  void remove(std::uint16_t slot);

  /// The half of a worker's table that is not in use. Leaves it to the caller to clear() it.
  void collect(const FlowLogTable& table);
  bool due(std::uint64_t now_ns) const noexcept { return now_ns >= begun_ns_ + options_.interval_ns; }
  /// Ends the interval: its lines, without line ends.
  std::vector<std::string> close(std::uint64_t now_ns);
  /// The names of the fields, the first line of a file.
  std::string header() const;

 private:
  struct Hash {
    std::size_t operator()(const FlowLogKey& key) const noexcept { return hash(key); }
  };
  struct Interface {
    FlowLogEni eni;
    bool skipped = false;
    bool traffic = false;
  };
  enum class Status : std::uint8_t { kOk, kNoData, kSkipData };

  Interface* interface_of(std::uint16_t slot);
  std::string line(const Interface& interface, const FlowLogRecord* record, Status status, std::uint64_t now_ns) const;
  std::string value(FlowLogField field, const Interface& interface, const FlowLogRecord* record, Status status,
                    std::uint64_t now_ns) const;
  std::uint64_t seconds(std::uint64_t ns) const;

  const Options options_;
  std::uint64_t begun_ns_;
  std::map<std::uint16_t, Interface> interfaces_;
  std::unordered_map<FlowLogKey, FlowLogRecord, Hash> records_;
  std::vector<std::pair<Interface, FlowLogRecord>> of_gone_;  // records of ENIs whose slot may be another's by now
};

}  // namespace weft
