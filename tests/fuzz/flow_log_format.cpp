// A flow log's format string: refused with a sentence, or a list of fields whose names, put together again, are read as
// the same format.
#include <cstdint>
#include <string>

#include "dataplane/observe/flow_log_format.hpp"
#include "tests/fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft;
  const auto format = parse_flow_log_format({reinterpret_cast<const char*>(data), size});
  if (!format) {
    FUZZ_CHECK(!format.error().code.empty() && !format.error().message.empty());
    return 0;
  }
  FUZZ_CHECK(!format->fields.empty() && format->version >= 2);
  std::string text;
  for (const FlowLogField field : format->fields)
    text += (text.empty() ? "${" : " ${") + std::string(name(field)) + "}";
  const auto again = parse_flow_log_format(text);
  FUZZ_CHECK(again && again->fields == format->fields && again->version == format->version);
  return 0;
}
