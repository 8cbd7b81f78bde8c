#include "bench/engine/report.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weft::bench {
namespace {

std::string number_or_dash(double value) { return value == 0 ? "-" : fmt::format("{:.4g}", value); }

std::string bytes(std::size_t count) {
  return count < 1'000'000 ? fmt::format("{:.0f} KB", count / 1e3) : fmt::format("{:.1f} MB", count / 1e6);
}

/// Places of the plot, in SVG's units.
struct Plot {
  static constexpr double kLeft = 60, kRight = 560, kTop = 30, kBottom = 300;
  double most_mpps;
  double x(double flows) const { return kLeft + std::log10(flows) / 6 * (kRight - kLeft); }
  double y(double mpps) const { return kBottom - mpps / most_mpps * (kBottom - kTop); }
};

}  // namespace

void print_table_head() {
  fmt::print("{:<16}{:>8}{:>15}{:>9}{:>10}{:>10}{:>7}{:>7}  {}\n", "rung", "Mpps", "(runs)", "Gb/s", "cycles", "packets",
             "floor", "goal", "what");
}

void print_table_line(const Measurement& m) {
  fmt::print("{:<16}{:>8.2f}{:>15}{:>9.1f}{:>10.1f}{:>10}{:>7}{:>7}  {}\n", m.rung.name, m.mpps,
             fmt::format("({:.2f}-{:.2f})", m.lowest, m.highest), m.gbps(), m.cycles, bytes(m.working_set),
             number_or_dash(m.rung.floor_mpps), number_or_dash(m.rung.goal_mpps), m.rung.what);
  std::fflush(stdout);
}

std::string to_json(const std::vector<Measurement>& measurements, const std::string& memory) {
  nlohmann::ordered_json rungs = nlohmann::ordered_json::array();
  for (const Measurement& m : measurements)
    rungs.push_back({{"name", m.rung.name},
                     {"what", m.rung.what},
                     {"flows", m.rung.flows},
                     {"wire_bytes", m.rung.network.wire_bytes},
                     {"mpps", m.mpps},
                     {"gbps", m.gbps()},
                     {"lowest_mpps", m.lowest},
                     {"highest_mpps", m.highest},
                     {"cycles_per_packet", m.cycles},
                     {"packets", m.packets},
                     {"working_set_bytes", m.working_set},
                     {"floor_mpps", m.rung.floor_mpps},
                     {"goal_mpps", m.rung.goal_mpps}});
  const nlohmann::ordered_json document = {
      {"benchmark", "engine"}, {"memory", memory}, {"rungs", rungs}};
  return document.dump(2) + "\n";
}

std::string to_svg(const std::vector<Measurement>& measurements) {
  std::vector<const Measurement*> points;
  for (const Measurement& m : measurements)
    if (m.rung.name.starts_with("flows-")) points.push_back(&m);
  double most = 1;
  for (const Measurement* m : points) most = std::max(most, m->highest);
  const Plot plot{std::ceil(most / 5) * 5};

  std::string svg =
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 600 350' font-family='sans-serif' font-size='12'>\n"
      "<rect width='600' height='350' fill='white'/>\n"
      "<text x='300' y='18' text-anchor='middle'>Mpps of one worker, 64-byte UDP, both gates tracked</text>\n";
  for (double mpps = 0; mpps <= plot.most_mpps; mpps += 5)
    svg += fmt::format("<line x1='{0}' x2='{1}' y1='{2:.1f}' y2='{2:.1f}' stroke='#ddd'/>"
                       "<text x='{3}' y='{4:.1f}' text-anchor='end'>{5:.0f}</text>\n",
                       Plot::kLeft, Plot::kRight, plot.y(mpps), Plot::kLeft - 8, plot.y(mpps) + 4, mpps);
  const char* labels[] = {"1", "10", "100", "1k", "10k", "100k", "1M"};
  for (unsigned decade = 0; decade <= 6; ++decade)
    svg += fmt::format("<text x='{:.1f}' y='{}' text-anchor='middle'>{}</text>\n", plot.x(std::pow(10, decade)),
                       Plot::kBottom + 18, labels[decade]);
  svg += fmt::format("<text x='310' y='{}' text-anchor='middle'>flows</text>\n", Plot::kBottom + 38);
  std::string line;
  for (const Measurement* m : points) {
    const double x = plot.x(m->rung.flows);
    line += fmt::format("{:.1f},{:.1f} ", x, plot.y(m->mpps));
    svg += fmt::format("<line x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}' stroke='#27a'/>"
                       "<circle cx='{0:.1f}' cy='{3:.1f}' r='4' fill='#27a'/>\n",
                       x, plot.y(m->lowest), plot.y(m->highest), plot.y(m->mpps));
  }
  return svg + "<polyline fill='none' stroke='#27a' stroke-width='2' points='" + line + "'/>\n</svg>\n";
}

}  // namespace weft::bench
