#include "dataplane/services/http_request.hpp"

#include <algorithm>
#include <optional>

namespace weft::services {
namespace {

constexpr std::uint16_t kBadRequest = 400, kContentTooLarge = 413, kHeadTooLarge = 431, kNotImplemented = 501,
                        kVersionNotSupported = 505;

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, {}, lower_case);
}

bool is_token(std::string_view text) {  // RFC 9110 5.6.2
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    const char low = lower_case(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || kOthers.find(c) != kOthers.npos;
  });
}

bool is_printable(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 127; });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// One of a list such as "Connection: keep-alive, Upgrade".
bool lists(std::string_view value, std::string_view word) {
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    if (same_word(trimmed(value.substr(0, comma)), word)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

/// A line without its end, which is taken from `rest`; a bare LF ends one too (RFC 9112 2.2).
std::optional<std::string_view> take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  if (end == rest.npos) return std::nullopt;
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

struct Fields {
  std::size_t body = 0;
  bool has_length = false, has_host = false, chunked = false, close = false, keep_alive = false;
};

/// A status, or 0.
std::uint16_t read_length(std::string_view value, Fields& fields) {
  if (value.empty() || value.size() > 18) return kBadRequest;
  std::size_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return kBadRequest;
    length = length * 10 + static_cast<std::size_t>(c - '0');
  }
  if (fields.has_length && length != fields.body) return kBadRequest;  // request smuggling (RFC 9112 6.3)
  fields.has_length = true;
  fields.body = length;
  return 0;
}

std::uint16_t read_field(std::string_view line, HttpRequest& request, Fields& fields) {
  const auto colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon)) || !is_printable(line)) return kBadRequest;
  const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
  if (same_word(name, "content-length")) return read_length(value, fields);
  if (same_word(name, "host")) {
    if (fields.has_host) return kBadRequest;
    fields.has_host = true;
  } else if (same_word(name, "transfer-encoding")) {
    fields.chunked = true;
  } else if (same_word(name, "connection")) {
    fields.close = fields.close || lists(value, "close");
    fields.keep_alive = fields.keep_alive || lists(value, "keep-alive");
  } else if (same_word(name, "x-forwarded-for")) {
    request.forwarded = true;
  } else if (same_word(name, "x-aws-ec2-metadata-token")) {
    if (request.has_token) return kBadRequest;  // which of the two?
    request.has_token = true;
    request.token = value;
  } else if (same_word(name, "x-aws-ec2-metadata-token-ttl-seconds")) {
    if (request.has_token_seconds) return kBadRequest;
    request.has_token_seconds = true;
    request.token_seconds = value;
  }
  return 0;
}

/// "/latest/meta-data/" of "http://169.254.169.254/latest/meta-data/?x" too, as a proxy writes it (RFC 9112 3.2.2).
std::string_view path_of(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (target.size() >= kScheme.size() && same_word(target.substr(0, kScheme.size()), kScheme)) {
    target.remove_prefix(kScheme.size());
    const auto slash = target.find('/');
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

/// "GET /latest/meta-data/ HTTP/1.1". `minor`: of the version.
std::uint16_t read_first_line(std::string_view line, HttpRequest& request, int& minor) {
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || first == last || !is_printable(line)) return kBadRequest;
  const std::string_view method = line.substr(0, first), target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') return kBadRequest;
  if (version[5] != '1' || version[7] < '0' || version[7] > '9') return kVersionNotSupported;
  if (!is_token(method) || target.find(' ') != target.npos) return kBadRequest;
  minor = version[7] - '0';
  request.path = path_of(target);
  if (!request.path.starts_with('/')) return kBadRequest;
  if (method == "GET") request.method = HttpMethod::kGet;
  else if (method == "HEAD") request.method = HttpMethod::kHead;
  else if (method == "PUT") request.method = HttpMethod::kPut;
  return 0;
}

HttpRequest wrong(HttpRequest request, std::uint16_t status) {
  request.state = HttpRequest::State::kWrong;
  request.status = status;
  return request;
}

}  // namespace

HttpRequest read_http(std::span<const std::byte> asked, std::size_t most) noexcept {
  const std::string_view all(reinterpret_cast<const char*>(asked.data()), asked.size());
  std::string_view rest = all;
  HttpRequest request;
  const auto more = [&] { return all.size() >= most ? wrong(request, kHeadTooLarge) : HttpRequest{}; };
  std::optional<std::string_view> line = take_line(rest);
  while (line && line->empty()) line = take_line(rest);  // left over from a body (RFC 9112 2.2)
  if (!line) return more();
  int minor = 0;
  if (const std::uint16_t status = read_first_line(*line, request, minor)) return wrong(request, status);
  Fields fields;
  for (;;) {
    line = take_line(rest);
    if (!line) return more();
    if (line->empty()) break;
    if (const std::uint16_t status = read_field(*line, request, fields)) return wrong(request, status);
  }
  if (fields.chunked) return wrong(request, kNotImplemented);
  if (minor > 0 && !fields.has_host) return wrong(request, kBadRequest);
  const std::size_t head = all.size() - rest.size();
  if (fields.body > most - head) return wrong(request, kContentTooLarge);
  if (fields.body > rest.size()) return HttpRequest{};
  request.state = HttpRequest::State::kWhole;
  request.length = head + fields.body;
  request.keep_alive = !fields.close && (minor > 0 || fields.keep_alive);
  return request;
}

}  // namespace weft::services
