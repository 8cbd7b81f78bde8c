#include "dataplane/services/metadata.hpp"

#include <array>
#include <cstring>
#include <optional>

#include "dataplane/services/http_request.hpp"
#include "dataplane/services/http_response.hpp"

namespace weft::services {
namespace {

/// As the service lists them, without the latest ones that no public text names; each shows the same tree here.
constexpr std::array<std::string_view, 29> kVersions = {
    "1.0",        "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01",
    "2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19",
    "2016-06-30", "2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03",
    "2021-03-23", "2021-07-15", "2022-07-09", "2022-09-24", "latest"};
constexpr std::string_view kTokenPath = "api/token";

bool is_version(std::string_view name) {
  for (const std::string_view version : kVersions)
    if (version == name) return true;
  return false;
}

/// A path without its version and without %XX, which are copied away.
class Path {
 public:
  explicit Path(std::string_view written) {
    for (std::size_t i = 0; i < written.size(); ++i) {
      char c = written[i];
      if (c == '%') {
        const int high = i + 2 < written.size() ? digit(written[i + 1]) : -1;
        const int low = high < 0 ? -1 : digit(written[i + 2]);
        if (low < 0) return;
        c = static_cast<char>(high * 16 + low);
        i += 2;
      }
      if (size_ == bytes_.size()) return;
      bytes_[size_++] = c;
    }
    good_ = true;
    split();
  }
  Path(const Path&) = delete;  // its views are of itself
  Path& operator=(const Path&) = delete;

  bool good() const { return good_; }  // false: too long for anything that exists, or no encoding
  bool is_root() const { return version_.empty() && rest_.empty(); }
  std::string_view version() const { return version_; }
  std::string_view rest() const { return rest_; }  // without a slash at its end
  bool ends_in_slash() const { return ends_in_slash_; }

 private:
  static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  }
  void split() {
    std::string_view all(bytes_.data(), size_);
    all.remove_prefix(1);  // the slash that it begins with
    const auto slash = all.find('/');
    version_ = all.substr(0, slash);
    rest_ = slash == all.npos ? std::string_view{} : all.substr(slash + 1);
    ends_in_slash_ = all.ends_with('/');
    if (rest_.ends_with('/')) rest_.remove_suffix(1);
  }

  std::array<char, MetadataTree::kMostPathBytes + 16> bytes_;
  std::size_t size_ = 0;
  std::string_view version_, rest_;
  bool ends_in_slash_ = false;
  bool good_ = false;
};

/// 1 to 21,600, in digits.
std::optional<std::uint32_t> read_seconds(std::string_view text) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value >= 1 && value <= kMostTokenSeconds ? std::optional(value) : std::nullopt;
}

struct Asked {
  const Metadata& metadata;
  const TokenKeys& keys;
  std::uint64_t now_s;
  const HttpRequest& request;
  const Path path;
};

void put(const Asked& asked, HttpResponse& response) {
  if (!asked.path.good() || asked.path.rest() != kTokenPath || !is_version(asked.path.version()))
    return response.fail(405, "GET, HEAD");
  if (asked.path.version() != "latest" || asked.path.ends_in_slash()) return response.fail(403);
  if (asked.request.forwarded) return response.fail(403);  // through a proxy that anybody may use
  const auto seconds = read_seconds(asked.request.token_seconds);
  if (!seconds) return response.fail(400);
  const Token token = make_token(asked.keys, asked.metadata.instance, asked.now_s, *seconds);
  response.body().text({token.data(), token.size()});
  response.set_token_seconds(*seconds);
}

void list_versions(HttpResponse& response) {
  for (const std::string_view version : kVersions) {
    if (version != kVersions[0]) response.body().text("\n");
    response.body().text(version);
  }
}

void get(const Asked& asked, HttpResponse& response) {
  const Metadata& metadata = asked.metadata;
  std::optional<std::uint32_t> left_s;
  if (asked.request.has_token) {
    left_s = check_token(asked.keys, metadata.instance, asked.now_s, asked.request.token);
    if (!left_s) return response.fail(401);  // a wrong one is refused where none is needed, too
  } else if (metadata.options.tokens_required) {
    return response.fail(401);
  }
  if (left_s) response.set_token_seconds(*left_s);
  const Path& path = asked.path;
  if (!path.good()) return response.fail(404);
  if (path.is_root()) return list_versions(response);
  if (!is_version(path.version())) return response.fail(404);
  if (path.rest() == kTokenPath) return response.fail(405, "PUT");
  const MetadataTree::Found found = metadata.tree.find(path.rest());
  switch (found.kind) {
    case MetadataTree::Found::Kind::kNothing: return response.fail(404);
    case MetadataTree::Found::Kind::kFolder:
      // "dynamic" and "meta-data" have no slash in the service's own listing, everything below them has.
      return metadata.tree.list(path.rest(), !path.rest().empty(), response.body());
    case MetadataTree::Found::Kind::kValue:
      if (path.ends_in_slash()) return response.fail(404);
      return response.body().text(found.value);
  }
}

Reaction answer_request(const Asked& asked, const Moment& now, std::span<std::byte> room) {
  const HttpRequest& request = asked.request;
  HttpResponse response(room);
  const bool is_put = request.method == HttpMethod::kPut;
  if (!asked.metadata.options.endpoint) response.fail(403);
  else if (is_put) put(asked, response);
  else if (request.method == HttpMethod::kOther) response.fail(405, "GET, HEAD, PUT");
  else get(asked, response);

  Reaction reaction{Reaction::Kind::kAnswer, request.length, 0, !request.keep_alive, kDefaultHopLimit};
  if (is_put) reaction.hop_limit = asked.metadata.options.hop_limit;
  reaction.length = response.finish(now.unix_ns, request.keep_alive, request.method == HttpMethod::kHead);
  return reaction.length == 0 ? Reaction::reset() : reaction;
}

}  // namespace

Reaction react_metadata(const Metadata& metadata, const TokenKeys& keys, const Moment& now,
                        std::span<const std::byte> asked, std::span<std::byte> room) noexcept {
  const HttpRequest request = read_http(asked, TcpConnections::kAskedBytes);
  if (request.state == HttpRequest::State::kMore) return Reaction::more();
  if (request.state == HttpRequest::State::kWrong) {
    HttpResponse response(room);
    response.fail(request.status);
    const std::size_t length = response.finish(now.unix_ns, false, false);
    return length == 0 ? Reaction::reset()
                       : Reaction{Reaction::Kind::kAnswer, asked.size(), length, true, kDefaultHopLimit};
  }
  return answer_request({metadata, keys, now.steady_ns / 1'000'000'000, request, Path(request.path)}, now, room);
}

}  // namespace weft::services
