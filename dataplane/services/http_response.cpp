#include "dataplane/services/http_response.hpp"

#include <array>
#include <cstring>

namespace weft::services {
namespace {

struct Status {
  std::uint16_t code;
  std::string_view line;  // "404 Not Found"
};
constexpr std::array<Status, 11> kStatuses = {{{200, "200 OK"},
                                               {400, "400 Bad Request"},
                                               {401, "401 Unauthorized"},
                                               {403, "403 Forbidden"},
                                               {404, "404 Not Found"},
                                               {405, "405 Method Not Allowed"},
                                               {413, "413 Content Too Large"},
                                               {431, "431 Request Header Fields Too Large"},
                                               {500, "500 Internal Server Error"},
                                               {501, "501 Not Implemented"},
                                               {505, "505 HTTP Version Not Supported"}}};

std::string_view line_of(std::uint16_t code) {
  for (const Status& status : kStatuses)
    if (status.code == code) return status.line;
  return line_of(500);
}

void write_number(Writer& writer, std::uint64_t value, std::size_t least_digits = 1) {
  std::array<char, 20> digits;
  std::size_t at = digits.size();
  for (std::size_t count = 0; value != 0 || count < least_digits; ++count, value /= 10)
    digits[--at] = static_cast<char>('0' + value % 10);
  writer.text({digits.data() + at, digits.size() - at});
}

/// "404 - Not Found" in the page that the service shows.
void write_page(Writer& body, std::string_view line) {
  const auto title = [&] {
    body.text(line.substr(0, 3));
    body.text(" - ");
    body.text(line.substr(4));
  };
  body.text(
      "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n"
      "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n"
      "\t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n"
      "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"
      " <head>\n  <title>");
  title();
  body.text("</title>\n </head>\n <body>\n  <h1>");
  title();
  body.text("</h1>\n </body>\n</html>\n");
}

/// "Tue, 14 Nov 2023 22:13:20 GMT" (RFC 9110 5.6.7); the calendar is Hinnant's "civil from days". No call of the C
/// library, which would take a lock for its time zones.
void write_date(Writer& writer, std::uint64_t unix_s) {
  constexpr std::string_view kDays = "ThuFriSatSunMonTueWed", kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::uint64_t days = unix_s / 86'400, second = unix_s % 86'400;
  const std::uint64_t shifted = days + 719'468, era = shifted / 146'097, of_era = shifted % 146'097;
  const std::uint64_t year_of_era = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t march_month = (5 * of_year + 2) / 153, day = of_year - (153 * march_month + 2) / 5 + 1;
  const std::uint64_t month = march_month < 10 ? march_month + 2 : march_month - 10;  // January is 0
  writer.text(kDays.substr(days % 7 * 3, 3));
  writer.text(", ");
  write_number(writer, day, 2);
  writer.text(" ");
  writer.text(kMonths.substr(month * 3, 3));
  writer.text(" ");
  write_number(writer, year_of_era + era * 400 + (month < 2 ? 1 : 0), 4);
  writer.text(" ");
  write_number(writer, second / 3'600, 2);
  writer.text(":");
  write_number(writer, second / 60 % 60, 2);
  writer.text(":");
  write_number(writer, second % 60, 2);
  writer.text(" GMT");
}

}  // namespace

HttpResponse::HttpResponse(std::span<std::byte> room) noexcept
    : room_(room), body_(room.size() < kHeadBytes ? std::span<std::byte>{} : room.subspan(kHeadBytes)) {}

void HttpResponse::fail(std::uint16_t status, std::string_view allow) noexcept {
  status_ = status;
  allow_ = allow;
  token_seconds_.reset();
  body_.rewind(0);
  write_page(body_, line_of(status));
}

std::size_t HttpResponse::finish(std::uint64_t now_unix_ns, bool keep_alive, bool head_only) noexcept {
  if (!body_.ok()) fail(500);
  if (!body_.ok()) return 0;
  Writer head(room_.first(kHeadBytes));
  head.text("HTTP/1.1 ");
  head.text(line_of(status_));
  head.text(status_ == 200 ? "\r\nContent-Type: text/plain" : "\r\nContent-Type: text/html");
  head.text("\r\nAccept-Ranges: none\r\nContent-Length: ");
  write_number(head, body_.size());
  head.text("\r\nDate: ");
  write_date(head, now_unix_ns / 1'000'000'000);
  head.text("\r\nServer: EC2ws\r\nConnection: ");
  head.text(keep_alive ? "keep-alive" : "close");
  if (!allow_.empty()) {
    head.text("\r\nAllow: ");
    head.text(allow_);
  }
  if (token_seconds_) {
    head.text("\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: ");
    write_number(head, *token_seconds_);
  }
  head.text("\r\n\r\n");
  if (!head.ok()) return 0;
  if (head_only) return head.size();
  std::memmove(room_.data() + head.size(), room_.data() + kHeadBytes, body_.size());
  return head.size() + body_.size();
}

}  // namespace weft::services
