// `fabric:` and `faults:`: what may be wrong with a path, in the units a person writes.
#include <fmt/format.h>

#include "dataplane/control/topology_file.hpp"
#include "dataplane/control/topology_file_parts.hpp"
#include "dataplane/model/quantity.hpp"
#include "dataplane/model/suggest.hpp"

namespace weft::topology_file {
namespace {

using underlay::Impairment;
using underlay::Loss;

// Paths of a pair. More than racks have uplinks anywhere; an EFA card spreads over a few hundred (facts fabric 5.8).
constexpr int kMostSpines = 256;
constexpr int kMostPackets = 1'000'000'000;  // of loss: {every: N}
constexpr std::uint64_t kLongestDelay = 10'000'000'000;     // 10 s: beyond every time-out that somebody would test
constexpr std::uint64_t kLongestPeriod = 3'600'000'000'000;  // 1 h
constexpr std::uint64_t kFastest = 1'000'000'000'000;       // 1 Tbps
constexpr std::uint64_t kLargestQueue = 1'073'741'824;      // 1 GiB

/// What a host's link may have: it neither duplicates nor reorders.
std::vector<std::string> link_keys() {
  return {"rate", "latency", "jitter", "queue", "ecn", "loss", "corrupt", "down", "flap"};
}

std::vector<std::string> with_impairment_keys(std::vector<std::string> keys) {
  for (const std::string& key : link_keys()) keys.push_back(key);
  keys.insert(keys.end(), {"duplicate", "reorder"});
  return keys;
}

/// One kind of quantity: how it is read and written, and what to say of something else.
struct Kind {
  std::optional<std::uint64_t> (*parse)(std::string_view);
  std::string (*text)(std::uint64_t);
  const char* is_none;  // "is no time; write ..."
};
constexpr Kind kDuration{parse_duration, duration_text,
                         "is no time; write a number and ns, us, ms, s or min, such as 50us"};
constexpr Kind kSize{parse_size, size_text, "is no size; write a number and B, kB, MB, KiB or MiB, such as 256KiB"};
constexpr Kind kRate{parse_rate, rate_text,
                     "is no rate; write a number and bps, kbps, Mbps, Gbps or Tbps, such as 10Gbps"};

std::uint64_t read_quantity(const Value& value, const Kind& kind, std::uint64_t least, std::uint64_t most) {
  const std::string text = value.text();
  const std::optional<std::uint64_t> quantity = kind.parse(text);
  if (!quantity) value.refuse("InvalidParameterValue", fmt::format("{} {}", in_quotes(text), kind.is_none));
  if (*quantity < least || *quantity > most)
    value.refuse("InvalidParameterValue", fmt::format("{} is out of range; it is from {} to {}", in_quotes(text),
                                                      kind.text(least), kind.text(most)));
  return *quantity;
}

double read_share(const Value& value) {
  const std::string text = value.text();
  const std::optional<double> share = parse_share(text);
  if (!share)
    value.refuse("InvalidParameterValue",
                 fmt::format("{} is no share of the packets; write 0% to 100%, such as 0.1%", in_quotes(text)));
  return *share;
}

template <typename Number>
void read_into(const Section& section, const std::string& key, const Kind& kind, std::uint64_t least,
               std::uint64_t most, Number& into) {
  section.read(key, [&](const Value& value) {
    into = static_cast<Number>(read_quantity(value, kind, least, most));
  });
}

Loss read_loss(const Value& value) {
  if (!value.is_section()) {
    const double share = read_share(value);
    return share == 0 ? Loss{} : Loss{.kind = Loss::Kind::kBernoulli, .loss = share};
  }
  const Section section = value.section("a loss", {"every", "to_bad", "to_good", "loss"});
  Loss loss;
  const Value* every = section.find("every");
  if (every != nullptr && (section.has("to_bad") || section.has("to_good") || section.has("loss")))
    every->refuse("InvalidParameterCombination",
                  "'every' loses exactly each nth packet, 'to_bad', 'to_good' and 'loss' lose in bursts; keep one of "
                  "the two");
  if (every != nullptr || section.misspelt({"every"})) {
    int nth = 0;
    section.read_number("every", 1, kMostPackets, nth);
    loss.kind = Loss::Kind::kNth;
    loss.nth = static_cast<std::uint32_t>(nth);
    return loss;
  }
  loss.kind = Loss::Kind::kGilbertElliott;
  section.read_required("to_bad", "to_bad: 1%", [&](const Value& share) { loss.to_bad = read_share(share); });
  section.read_required("to_good", "to_good: 20%", [&](const Value& share) { loss.to_good = read_share(share); });
  section.read_required("loss", "loss: 50%", [&](const Value& share) { loss.loss = read_share(share); });
  return loss;
}

void read_reorder(const Value& value, Impairment& impairment) {
  const Section section = value.section("a reordering", {"share", "by"});
  section.read_required("share", "share: 1%", [&](const Value& share) { impairment.reorder = read_share(share); });
  section.read_required("by", "by: 100us", [&](const Value& by) {
    impairment.reorder_ns = read_quantity(by, kDuration, 1, kLongestDelay);
  });
}

underlay::Flap read_flap(const Value& value) {
  const Section section = value.section("a flap", {"period", "down"});
  underlay::Flap flap;
  section.read_required("period", "period: 1s", [&](const Value& period) {
    flap.period_ns = read_quantity(period, kDuration, 1'000'000, kLongestPeriod);
  });
  section.read_required("down", "down: 100ms", [&](const Value& down) {
    flap.down_ns = read_quantity(down, kDuration, 1, kLongestPeriod);
  });
  if (flap.period_ns != 0 && flap.down_ns >= flap.period_ns)
    value.note("InvalidParameterCombination",
               fmt::format("down for {} of every {} is never up; make 'down' shorter than 'period', or write down: true "
                           "instead of flap",
                           duration_text(flap.down_ns), duration_text(flap.period_ns)));
  return flap;
}

Impairment read_impairment(const Section& section) {
  Impairment impairment;
  read_into(section, "rate", kRate, 1'000, kFastest, impairment.rate_bps);
  read_into(section, "latency", kDuration, 0, kLongestDelay, impairment.latency_ns);
  read_into(section, "jitter", kDuration, 0, kLongestDelay, impairment.jitter_ns);
  read_into(section, "queue", kSize, 1, kLargestQueue, impairment.queue_bytes);
  read_into(section, "ecn", kSize, 1, kLargestQueue, impairment.ecn_bytes);
  section.read("loss", [&](const Value& value) { impairment.loss = read_loss(value); });
  section.read("duplicate", [&](const Value& value) { impairment.duplicate = read_share(value); });
  section.read("reorder", [&](const Value& value) { read_reorder(value, impairment); });
  section.read("corrupt", [&](const Value& value) { impairment.corrupt = read_share(value); });
  section.read_truth("down", impairment.down);
  section.read("flap", [&](const Value& value) { impairment.flap = read_flap(value); });
  if (const Value* flap = section.find("flap"); flap != nullptr && impairment.down)
    flap->note("InvalidParameterCombination", "down: true is down always; keep either that or 'flap'");
  if (const Value* ecn = section.find("ecn");
      ecn != nullptr && impairment.queue_bytes != 0 && impairment.ecn_bytes >= impairment.queue_bytes)
    ecn->note("InvalidParameterCombination",
              fmt::format("no packet finds {} waiting in a queue of {}; make 'ecn' smaller than 'queue'",
                          size_text(impairment.ecn_bytes), size_text(impairment.queue_bytes)));
  return impairment;
}

Impairment read_layout_impairment(const Value& value, std::string_view what, const std::vector<std::string>& keys) {
  const Section section = value.section(what, keys);
  const Impairment impairment = read_impairment(section);
  if (section.has("rate") || section.misspelt({"rate"})) return impairment;
  for (const char* key : {"queue", "ecn"})
    if (const Value* queue = section.find(key))
      queue->note("InvalidParameterCombination", fmt::format("without a rate nothing waits, so '{}' means nothing; give "
                                                             "'rate' too",
                                                             key));
  return impairment;
}

underlay::Fault read_fault_section(const Section& section) {
  underlay::Fault fault;
  section.read_text("name", fault.name);
  section.read("path", [&](const Value& path) {
    fault.path = static_cast<std::uint32_t>(path.number(0, kMostSpines - 1));
  });
  section.read_text("from", fault.from);
  section.read_text("to", fault.to);
  section.read_text("host", fault.host);
  fault.impairment = read_impairment(section);
  return fault;
}

const std::vector<std::string> kFaultKeys = with_impairment_keys({"name", "path", "from", "to", "host"});

}  // namespace

underlay::Layout read_fabric(const Value& value) {
  const Section section = value.section("the fabric", {"spines", "seed", "rack", "spine", "host"});
  underlay::Layout layout;
  int spines = static_cast<int>(layout.spines), seed = static_cast<int>(layout.seed);
  section.read_number("spines", 1, kMostSpines, spines);
  section.read_number("seed", 0, 2'147'483'647, seed);
  layout.spines = static_cast<std::uint32_t>(spines);
  layout.seed = static_cast<std::uint64_t>(seed);
  const std::vector<std::string> keys = with_impairment_keys({});
  section.read("rack", [&](const Value& rack) { layout.rack = read_layout_impairment(rack, "a rack's path", keys); });
  section.read("spine", [&](const Value& spine) {
    layout.spine = read_layout_impairment(spine, "a path by a spine", keys);
  });
  section.read("host", [&](const Value& host) { layout.host = read_layout_impairment(host, "a host's link", link_keys()); });
  return layout;
}

underlay::Fault read_fault(const Value& value) {
  const Section section = value.section("a fault", kFaultKeys);
  section.read_required("name", "name: slow-spine", [](const Value&) {});
  return read_fault_section(section);
}

underlay::Fault read_set_fault(const Value& value) {
  return read_fault_section(value.section("a fault", kFaultKeys));
}

}  // namespace weft::topology_file
