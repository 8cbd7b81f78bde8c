// A flow log's record format: AWS's field names, "${srcaddr} ${dstaddr} ...". The default is version 2's fourteen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft {

enum class FlowLogField : std::uint8_t {
  kVersion,
  kAccountId,
  kInterfaceId,
  kSrcAddr,
  kDstAddr,
  kSrcPort,
  kDstPort,
  kProtocol,
  kPackets,
  kBytes,
  kStart,
  kEnd,
  kAction,
  kLogStatus,
  kVpcId,
  kSubnetId,
  kInstanceId,
  kTcpFlags,
  kType,
  kPktSrcAddr,
  kPktDstAddr,
  kRegion,
  kAzId,
  kSublocationType,
  kSublocationId,
  kPktSrcAwsService,
  kPktDstAwsService,
  kFlowDirection,
  kTrafficPath,
};

inline constexpr std::string_view kDefaultFlowLogFormat =
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}";

/// Of AWS's own examples; the files' names have them too.
inline constexpr std::string_view kFlowLogAccount = "123456789012";
inline constexpr std::string_view kFlowLogRegion = "us-east-1";

struct FlowLogFormat {
  std::vector<FlowLogField> fields;
  int version = 2;  // the highest version of any of the fields, as AWS fills ${version}
};

/// Errors name the field and the nearest one there is.
Result<FlowLogFormat> parse_flow_log_format(std::string_view text);
std::string_view name(FlowLogField field);

}  // namespace weft
