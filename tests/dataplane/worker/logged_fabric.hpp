// A fabric whose flow logs are written to files in a directory of the test's own.
#pragma once

#include <filesystem>
#include <fstream>

#include "dataplane/control/flow_log_service.hpp"
#include "tests/dataplane/worker/fabric.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test {

using Lines = std::vector<std::string>;

/// Of the whole VPC, when nothing else is said.
inline FlowLog flow_log(const std::string& name, const std::string& format, const std::string& resource_id = "vpc-1",
                        TrafficType type = TrafficType::kAll) {
  FlowLog log;
  log.id = "fl-" + name;
  log.name = name;
  log.resource_id = resource_id;
  log.traffic_type = type;
  log.log_format = format;
  return log;
}

class LoggedFabric {
 public:
  LoggedFabric(Deployment deployment, std::vector<FlowLog> logs) : LoggedFabric(std::move(deployment), std::move(logs), {}) {}
  LoggedFabric(Deployment deployment, std::vector<FlowLog> logs, const Fabric::Options& options)
      : logs_(std::move(logs)), fabric(with_logs(std::move(deployment)), options) {
    published();
  }
  ~LoggedFabric() { std::filesystem::remove_all(directory_); }

  void apply(Deployment deployment) {
    fabric.apply(with_logs(std::move(deployment)));
    published();
  }
  void set_logs(std::vector<FlowLog> logs) { logs_ = std::move(logs); }

  /// What the log has written since the last look, without the names of the fields.
  Lines written(const std::string& name) {
    std::ifstream file(flow_log_path(at_home(flow_log(name, ""))));
    Lines lines;
    std::string line;
    for (std::size_t i = 0; std::getline(file, line); ++i)
      if (i > seen_[name]) lines.push_back(line);
    seen_[name] += lines.size();
    return lines;
  }
  /// Ends the interval first.
  Lines flushed(const std::string& name) {
    EXPECT_TRUE(service.flush(fabric.engine(), ""));
    service.write();
    return written(name);
  }
  /// The same without NODATA, whose fields of a record are "-".
  Lines traffic(const std::string& name) {
    Lines lines = flushed(name);
    std::erase_if(lines, [](const std::string& line) { return line.find(" - -") != std::string::npos; });
    return lines;
  }
  void turn_of_time(std::uint64_t seconds) {
    Fabric::advance_s(seconds);
    service.end_due(fabric.engine());
    service.write();
  }

 private:
  FlowLog at_home(FlowLog log) const {
    log.destination = directory_;
    return log;
  }
  Deployment with_logs(Deployment deployment) const {
    deployment.flow_logs.clear();
    for (const FlowLog& log : logs_) deployment.flow_logs.push_back(at_home(log));
    return deployment;
  }
  static std::string make_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "weft-flow-logs-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary directory");
    return path;
  }
  void published() {
    service.publish(fabric.engine(), fabric.deployment());
    service.write();
  }

  std::string directory_ = make_directory();
  std::vector<FlowLog> logs_;
  std::map<std::string, std::size_t> seen_;

 public:
  Fabric fabric;
  FlowLogService service{{.now_ns = &Fabric::now_ns, .unix_ns = &Fabric::now_ns}};
};

}  // namespace weft::test
