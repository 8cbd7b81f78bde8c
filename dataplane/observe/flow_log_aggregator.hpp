// Flow logs in AWS's record format: collects what the workers' tables hold and makes lines at the end of each
// aggregation interval. An ENI without traffic has a NODATA line, one whose records found no room a SKIPDATA line.
//
// What is never logged (facts ec2 1.9): the link-local services, DHCP, the router's reserved address; the fabric
// answers these itself, so they reach no table. Thread: one at a time, a control thread.
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

class FlowLogAggregator {
 public:
  struct Options {
    FlowLogFormat format;
    std::uint8_t actions = 3;               // bits of FlowLogAction: the traffic type
    std::string account_id = std::string(kFlowLogAccount);
    std::string vpc_id = {};
    std::string region = std::string(kFlowLogRegion);
    std::size_t max_records = 1U << 18;          // of an interval, all ENIs together
    std::uint64_t interval_ns = 60'000'000'000;  // the maximum aggregation interval
    std::int64_t wall_offset_ns = 0;             // what makes the workers' clock the time since 1970
  };
  FlowLogAggregator(Options options, std::uint64_t now_ns) : options_(std::move(options)), begun_ns_(now_ns) {}

  /// Its lines begin with the interval that is running. One that is there gets other words.
  void add(FlowLogEniKey key, FlowLogEni eni);
  /// Its records of the interval that is running are lines at its end; NODATA is not said of it.
  void remove(FlowLogEniKey key);
  std::vector<FlowLogEniKey> enis() const;  // that were added and not removed

  /// What the workers have added up. Records of other ENIs and other actions are left out.
  void collect(const FlowLogBatch& batch);
  std::uint64_t due_ns() const noexcept { return begun_ns_ + options_.interval_ns; }
  /// Ends the interval: its lines, without line ends.
  std::vector<std::string> close(std::uint64_t now_ns);
  /// The names of the fields, the first line of a file.
  std::string header() const;
  std::uint64_t skipped() const noexcept { return skipped_; }  // SKIPDATA lines so far

 private:
  struct Hash {
    std::size_t operator()(const FlowLogKey& key) const noexcept { return hash(key); }
  };
  struct Interface {
    FlowLogEni eni;
    bool skipped = false;
    bool traffic = false;
    bool gone = false;
  };
  enum class Status : std::uint8_t { kOk, kNoData, kSkipData };

  Interface* interface_of(FlowLogEniKey key);
  std::string line(const Interface& interface, const FlowLogRecord* record, Status status, std::uint64_t now_ns) const;
  std::string value(FlowLogField field, const Interface& interface, const FlowLogRecord* record, Status status,
                    std::uint64_t now_ns) const;
  std::uint64_t seconds(std::uint64_t ns) const;

  Options options_;
  std::uint64_t begun_ns_;
  std::uint64_t skipped_ = 0;
  std::map<FlowLogEniKey, Interface> interfaces_;
  std::unordered_map<FlowLogKey, FlowLogRecord, Hash> records_;
};

}  // namespace weft
