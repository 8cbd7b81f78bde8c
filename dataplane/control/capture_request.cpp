#include "dataplane/control/capture_request.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "dataplane/control/query.hpp"

namespace weft {
namespace {

constexpr std::uint32_t kMostSnapLength = 262144;
constexpr double kLongestSeconds = 1e9;  // thirty years, which fit in nanoseconds

Error wrong_field(const char* field, std::string message) {
  return {"InvalidParameterValue", std::move(message), {"", 0, field}};
}

template <typename Number>
Result<Number> number_in(const char* field, const std::string& text, Number least, Number most) {
  Number value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !(value >= least) || !(value <= most))
    return wrong_field(field, fmt::format("'{}' is '{}'; it is a number from {} to {}", field, text, least, most));
  return value;
}

Result<void> read_field(const std::string& key, const std::string& value, CaptureRequest& request) {
  if (key == "interface") {
    request.interfaces.push_back(value);
  } else if (key == "snaplen") {
    Result<std::uint32_t> bytes = number_in<std::uint32_t>("snaplen", value, 1, kMostSnapLength);
    if (!bytes) return bytes.error();
    request.snap_length = *bytes;
  } else if (key == "count") {
    Result<std::uint64_t> most = number_in<std::uint64_t>("count", value, 1, UINT64_MAX);
    if (!most) return most.error();
    request.most = *most;
  } else if (key == "duration") {
    Result<double> seconds = number_in<double>("duration", value, 0.001, kLongestSeconds);
    if (!seconds) return seconds.error();
    request.duration = std::chrono::nanoseconds(std::llround(*seconds * 1e9));
  } else if (key == "drops_only") {
    if (value != "true" && value != "false")
      return wrong_field("drops_only", fmt::format("'drops_only' is '{}'; it is true or false", value));
    request.drops_only = value == "true";
  } else {
    return Error{"InvalidRequest",
                 fmt::format("a capture has no '{}'; it has interface, snaplen, count, duration and drops_only", key),
                 {"", 0, key}};
  }
  return {};
}

std::string device_of(const Eni& eni) { return fmt::format("eth{}", eni.device_index); }

/// What a word of the request stands for: an instance, one of its interfaces, an ENI, or the internet.
bool means(std::string_view word, const Eni& eni, const Instance* instance) {
  if (word == eni.id) return true;
  if (instance == nullptr) return false;
  const std::size_t slash = word.find('/');
  const std::string_view name = word.substr(0, slash);
  if (name != instance->name && name != instance->id) return false;
  return slash == std::string_view::npos || word.substr(slash + 1) == device_of(eni);
}

template <typename Visit>
void for_each_end(const Deployment& deployment, Visit&& visit) {
  for (const Instance& instance : deployment.instances)
    for (const Eni& eni : instance.enis) visit(eni, &instance);
  for (const Eni& eni : deployment.available_enis) visit(eni, nullptr);
}

bool is_internet(const std::string& word, const Deployment& deployment) {
  const std::optional<InternetGateway>& gateway = deployment.internet_gateway;
  return gateway && (word == gateway->guest || word == gateway->id);
}

/// Nothing, when the word means somebody.
std::optional<Error> unknown(const std::string& word, const Deployment& deployment) {
  bool found = is_internet(word, deployment);
  for_each_end(deployment, [&](const Eni& eni, const Instance* instance) { found |= means(word, eni, instance); });
  if (found) return std::nullopt;
  const std::string name = word.substr(0, word.find('/'));
  if (word.starts_with("eni-"))
    return Error{"InvalidNetworkInterfaceID.NotFound",
                 fmt::format("the network interface '{}' does not exist; `weft vf` lists them", word), {}};
  if (deployment.find_instance(name) == nullptr)
    return Error{"InvalidInstanceID.NotFound",
                 fmt::format("there is no instance '{}', and it is no ENI id; `weft ps` lists the instances", name), {}};
  if (name == word)
    return Error{"InvalidNetworkInterfaceID.NotFound",
                 fmt::format("the instance '{}' has no network interface", name), {}};
  return Error{"InvalidNetworkInterfaceID.NotFound",
               fmt::format("the instance '{}' has no interface '{}'; `weft ps` lists those it has", name,
                           word.substr(name.size() + 1)), {}};
}

CaptureInterface interface_of(const Eni& eni, const Instance* instance) {
  std::string name = instance == nullptr ? eni.id : instance->name + "/" + device_of(eni);
  const std::string address = eni.private_ip == IpAddress{} ? "" : " " + eni.private_ip.to_string();
  return {.name = std::move(name), .description = eni.id + address, .mac = eni.mac, .eni_id = eni.id};
}

}  // namespace

Result<CaptureRequest> read_capture_request(const std::string& target, const Deployment& deployment) {
  CaptureRequest request;
  Result<Query> query = query_of(target);
  if (!query) return query.error();
  for (const auto& [key, value] : *query)
    if (Result<void> read = read_field(key, value, request); !read) return read.error();
  if (request.interfaces.empty())
    return Error{"MissingParameter", "say whom to capture: interface=INSTANCE, INSTANCE/ethN or an ENI id", {}};
  for (const std::string& word : request.interfaces)
    if (std::optional<Error> error = unknown(word, deployment)) return *error;
  return request;
}

CaptureSelection capture_selection(const CaptureRequest& request) {
  return [words = request.interfaces](const Deployment& deployment) {
    std::vector<CaptureInterface> chosen;
    for_each_end(deployment, [&](const Eni& eni, const Instance* instance) {
      for (const std::string& word : words)
        if (means(word, eni, instance)) {
          chosen.push_back(interface_of(eni, instance));
          return;
        }
    });
    for (const std::string& word : words)
      if (is_internet(word, deployment)) {
        const InternetGateway& gateway = *deployment.internet_gateway;
        chosen.push_back({gateway.guest, gateway.id, gateway.mac, gateway.id});
        break;
      }
    return chosen;
  };
}

}  // namespace weft
