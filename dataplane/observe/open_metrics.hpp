// Text in the OpenMetrics format, version 1.0 (https://github.com/OpenObservability/OpenMetrics, specification): families
// of samples, each with its type, unit and help. Pure; what there is to say is the caller's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace weft {

inline constexpr std::string_view kOpenMetricsContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

class OpenMetricsText {
 public:
  enum class Type : std::uint8_t { kCounter, kGauge, kInfo };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Samples that follow are of this family; each family once. A name whose last word is a unit (bytes, seconds, packets)
  /// has that unit, as the specification wants it.
  void family(Type type, std::string_view name, std::string_view help);
  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);
  void sample(Labels labels) { sample(labels, std::uint64_t{1}); }  // of an info

  /// The whole, with its end mark.
  std::string finish() &&;

 private:
  void begin_sample(Labels labels);

  std::string text_, name_;
  std::string_view suffix_;
};

}  // namespace weft
