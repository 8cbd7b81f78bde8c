// weft top: who sends, who gets, what is dropped and why, and how busy the workers are; again each second.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <map>
#include <optional>

#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"
#include "tools/weft/screen.hpp"
#include "tools/weft/top_view.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr double kShortestPause = 0.1, kLongestPause = 3600;  // seconds
constexpr const char* kQuestion = "/v1/statistics?flows=true";

const std::map<std::string, TopSort> kSorts{{"traffic", TopSort::kTraffic}, {"rx", TopSort::kRx}, {"tx", TopSort::kTx},
                                            {"drops", TopSort::kDrops},     {"flows", TopSort::kFlows}};

struct TopOptions {
  double interval_s = 1;
  unsigned count = 0;  // 0: until somebody ends it
  TopSort sort = TopSort::kTraffic;
  bool json = false;
};

struct Look {
  json statistics;
  Clock::time_point when;
};

Result<Look> look() {
  Result<json> statistics = ask_daemon(kQuestion);
  if (!statistics) return statistics.error();
  if (!statistics->is_object() || !statistics->contains("interfaces"))
    return Error{"InternalError", "weftd's answer has no interfaces", {}};
  return Look{std::move(*statistics), Clock::now()};
}

json rates_between(const Look& before, const Look& now, TopSort sort) {
  return top_rates(before.statistics, now.statistics, std::chrono::duration<double>(now.when - before.when).count(), sort);
}

std::string coloured(const TopLine& line, bool colour) {
  constexpr const char* kColours[] = {"", "\x1b[7m", "\x1b[32m", "\x1b[33m", "\x1b[31m"};  // as TopStyle
  if (!colour || line.style == TopStyle::kPlain) return line.text;
  return kColours[static_cast<std::size_t>(line.style)] + line.text + "\x1b[0m";
}

/// Into a file or a pipe: one document, or one table, after the other.
bool print_rates(const json& rates, bool as_json) {
  if (as_json) std::puts(rates.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  else
    for (const TopLine& line : top_lines(rates, std::string::npos, std::string::npos)) std::puts(line.text.c_str());
  return std::fflush(stdout) == 0;
}

int print_again_and_again(const TopOptions& options) {
  Result<Look> before = look();
  if (!before) return report(before.error());
  for (unsigned shown = 0; options.count == 0 || shown < options.count; ++shown) {
    pollfd reader{STDOUT_FILENO, 0, 0};  // wakes when the pipe's reader has gone
    if (::poll(&reader, 1, static_cast<int>(std::lround(options.interval_s * 1000))) > 0) break;
    Result<Look> now = look();
    if (!now) return report(now.error());
    if (!print_rates(rates_between(*before, *now, options.sort), options.json)) break;
    before = std::move(now);
  }
  return kOk;
}

void draw(Screen& screen, const json& rates, bool colour) {
  const Screen::Size size = screen.size();
  std::string text;
  for (const TopLine& line : top_lines(rates, size.columns, size.lines))
    text += (text.empty() ? "" : "\n") + coloured(line, colour);
  screen.draw(text);
}

/// 'r', 't', 'd' and 'f' sort by what begins with it.
void take_key(char key, TopSort& sort) {
  constexpr std::pair<char, TopSort> kKeys[] = {
      {'r', TopSort::kRx}, {'t', TopSort::kTx}, {'d', TopSort::kDrops}, {'f', TopSort::kFlows}, {'a', TopSort::kTraffic}};
  for (const auto& [letter, meant] : kKeys)
    if (key == letter) sort = meant;
}

/// On a terminal; the error comes back once the terminal is as it was.
Result<void> draw_again_and_again(TopOptions options) {
  Result<Look> before = look();
  if (!before) return before.error();
  Screen screen;
  const bool colour = wants_colour(stdout);
  const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.interval_s));
  json rates = rates_between({before->statistics, before->when - interval}, *before, options.sort);
  for (unsigned shown = 0; options.count == 0 || shown < options.count;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(before->when + interval - Clock::now());
    const Screen::Event event = screen.wait(std::max(0, static_cast<int>(left.count())));
    if (event == Screen::Event::kEnd) break;
    if (event == Screen::Event::kKey) take_key(screen.key(), options.sort);
    if (event == Screen::Event::kTime) {
      Result<Look> now = look();
      if (!now) return now.error();
      rates = rates_between(*before, *now, options.sort);
      before = std::move(now);
      ++shown;
    }
    draw(screen, rates, colour);
  }
  return {};
}

int top(const TopOptions& options) {
  if (options.json || options.count != 0 || !Screen::possible()) return print_again_and_again(options);
  const Result<void> done = draw_again_and_again(options);
  return done ? static_cast<int>(kOk) : report(done.error());
}

}  // namespace

void add_top(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("top", "Rates of every interface, drops and why, flows and the workers' load, live");
  auto options = std::make_shared<TopOptions>();
  command->add_option("--interval", options->interval_s, "Seconds between two looks [1]")
      ->check(CLI::Range(kShortestPause, kLongestPause))
      ->type_name("SECONDS");
  auto* count = command->add_option("-n,--count", options->count, "Print that many times, one below the other, and end")
                    ->check(CLI::Range(1, 1'000'000'000));
  command->add_flag_callback("--once", [options] { options->count = 1; }, "The same as -n 1")->excludes(count);
  command->add_option("--sort", options->sort, "traffic, rx, tx, drops or flows")
      ->transform(CLI::CheckedTransformer(kSorts))
      ->type_name("BY");
  add_output_option(command, options->json);
  command->footer("On a terminal: q ends, r t d f a sort by rx, tx, drops, flows, all traffic.\n"
                  "Into a file: a table, or with -o json a line, for each interval.\n"
                  "Example: weft top --sort drops");
  command->callback([&chosen, options] { chosen.run = [options] { return top(*options); }; });
}

}  // namespace weft::cli
