#include "tools/weft-gen/options.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>

#include <fmt/format.h>

namespace weft::gen {
namespace {

/// Options as they are typed.
struct Words {
  std::vector<std::string> ports, sizes, losses;
  bool engine = false;
  std::string rate, max_rate, line, source, destination, source_port, destination_port, mac, reverse_mac, output = "table";
  double trial_seconds = 0, search_seconds = 0;
};

struct MethodLine {
  Method method;
  const char* name;
  const char* what;
  double trial_seconds;
};
constexpr MethodLine kMethods[] = {
    {Method::kRun, "run", "A fixed rate for a time (10 s), with what arrives once a second", 10},
    {Method::kThroughput, "throughput", "RFC 2544 26.1: the highest rate at which nothing is lost (trials of 60 s)", 60},
    {Method::kLatency, "latency", "RFC 2544 26.2: latency at --rate, or at 100, 90, 50 and 10 % of the throughput (120 s)",
     120},
    {Method::kLoss, "loss", "RFC 2544 26.3: loss over the rate, from the highest down (60 s)", 60},
    {Method::kBackToBack, "back-to-back", "RFC 2544 26.4 and RFC 9004: the longest burst that passes whole (at most 2 s)", 2},
    {Method::kSearch, "search", "NDR and PDR: the highest rates that lose nothing and 0.5 % (trials of 30 s)", 30},
    {Method::kRfc2544, "rfc2544", "All four of RFC 2544 over its seven sizes of frames (60 s): takes hours", 60},
};

constexpr const char* kFooter =
    "Exit code: 0 done, 1 failed, 2 usage.\n"
    "Examples:\n"
    "  weft-gen run --engine --size 64 --rate 1mpps --trial-seconds 5\n"
    "  weft-gen search --port 0000:03:00.0 --port 0000:03:00.1 --both --size 64 --size imix --flows 10000 --report nic.html\n"
    "  weft-gen rfc2544 --port net_af_packet0,iface=veth0 --port net_af_packet1,iface=veth2 --trial-seconds 5 --csv out.csv\n"
    "  weft-gen rfc2544 --port net_ring0 --trial-seconds 0.2 --drain 0.1 --repeats 1\n"
    "  weft-gen run --port 0000:03:00.0 --pcap traffic.pcap --speed 2 --loops 10\n"
    "The manual: docs/man/weft-gen.1.md. Networks that carry other people's traffic are no place for it (RFC 6815).";

void add_device_options(CLI::App& app, Options& o, Words& w) {
  app.add_option("--port", w.ports, "PCI address, or DPDK's arguments of a vdev; twice: from the first to the second")
      ->group("Device")
      ->delimiter('\0')
      ->allow_extra_args(false);
  app.add_flag("--engine", w.engine, "Weft's own engine in this process")->group("Device");
  app.add_flag("--engine-refuse", o.engine_refuse, "Its security group lets nothing in")->group("Device");
  app.add_option("--engine-pps", o.engine_pps, "Allowance of its instances, frames a second (0: none)")->group("Device");
  app.add_flag("--both", o.both, "Traffic in both directions; rates are of each")->group("Device");
  app.add_option("--cpus", o.cpus, "Pin threads to these: the generator's first, the engine's last")
      ->delimiter(',')
      ->group("Device");
  app.add_option("--memory", o.memory_mb, "MiB for DPDK")
      ->check(CLI::Range(128, 65536))
      ->capture_default_str()
      ->group("Device");
  app.add_flag("!--no-huge", o.huge_pages, "Plain memory even if huge pages are free")->group("Device");
  app.add_option("--ring", o.ring_size, "Descriptors of a queue, or of the engine's receive ring")
      ->check(CLI::Range(32, 32768))
      ->capture_default_str()
      ->group("Device");
  app.add_option("--link-seconds", o.link_seconds, "Wait so long for the carrier")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str()
      ->group("Device");
  app.add_flag("--hardware-timestamps", o.hardware_timestamps, "Latency by the card's receive stamps, too")->group("Device");
}

void add_traffic_options(CLI::App& app, Options& o, Words& w) {
  app.add_option("--size", w.sizes,
                 "Bytes with FCS (64..9018), imix, rfc2544 (all seven), or shares 64:7,570:4,1518:1; may be repeated")
      ->allow_extra_args(false)
      ->group("Traffic");
  app.add_option("--rate", w.rate, "pps, bps or % of the line, of each direction: 2.5mpps, 1gbps, 50%")->group("Traffic");
  app.add_option("--max-rate", w.max_rate, "Where searches begin (default: the line)")->group("Traffic");
  app.add_option("--line-rate", w.line, "The line's speed where the device does not say it: 10g")->group("Traffic");
  app.add_option("--flows", o.flows, "Different flows")
      ->check(CLI::Range(1U, kMostFlows))
      ->capture_default_str()
      ->group("Traffic");
  app.add_option("--streams", o.streams, "Loss and order are counted for each (default: as many as flows, at most 256)")
      ->check(CLI::Range(1, 32767))
      ->group("Traffic");
  app.add_option("--source", w.source, "Addresses: 198.18.0.1-198.18.0.254")->group("Traffic");
  app.add_option("--destination", w.destination, "Addresses")->group("Traffic");
  app.add_option("--source-port", w.source_port, "Ports: 1024-65535")->group("Traffic");
  app.add_option("--destination-port", w.destination_port, "Ports: 7")->group("Traffic");
  app.add_option("--destination-mac", w.mac, "Of a router (default: the other port's)")->group("Traffic");
  app.add_option("--reverse-destination-mac", w.reverse_mac, "The same for the second direction")->group("Traffic");
  app.add_flag("--tcp", o.tcp, "TCP SYNs instead of UDP")->group("Traffic");
  app.add_flag("--ipv6", o.ipv6, "IPv6")->group("Traffic");
  app.add_option("--seed", o.seed, "Of the order of flows")->capture_default_str()->group("Traffic");
  app.add_option("--pcap", o.pcap, "run: send this capture at its own times")->group("Traffic");
  app.add_option("--speed", o.speed, "run --pcap: so many times as fast")
      ->check(CLI::Range(1e-6, 1e6))
      ->capture_default_str()
      ->group("Traffic");
  app.add_option("--loops", o.loops, "run --pcap: so often")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
      ->capture_default_str()
      ->group("Traffic");
}

void add_method_options(CLI::App& app, Options& o, Words& w) {
  const auto seconds = CLI::Range(0.001, 1e6);
  app.add_option("--trial-seconds", w.trial_seconds, "Length of the trials that count; of back-to-back the longest burst")
      ->check(seconds)
      ->group("Method");
  app.add_option("--search-seconds", w.search_seconds, "Length of the trials before (default: 1, or the same)")
      ->check(seconds)
      ->group("Method");
  app.add_option("--drain", o.drain_seconds, "Wait for late frames, at most")
      ->check(CLI::Range(0.0, 1e4))
      ->capture_default_str()
      ->group("Method");
  app.add_option("--settle", o.settle_seconds, "Pause between trials (RFC 2544 has 5)")
      ->check(CLI::Range(0.0, 1e4))
      ->capture_default_str()
      ->group("Method");
  app.add_option("--precision", o.precision, "Width of a search's interval, a share of the rate")
      ->check(CLI::Range(1e-5, 0.5))
      ->capture_default_str()
      ->group("Method");
  app.add_option("--acceptable-loss", w.losses, "search: 0.5% or 0.005 (default: 0 and 0.5%)")->delimiter(',')->group("Method");
  app.add_option("--repeats", o.repeats, "Searches; the median counts (default: 1; of back-to-back 50)")
      ->check(CLI::Range(1, 10000))
      ->group("Method");
  app.add_option("--verify", o.verify, "A rate that fails is tried again so often before it has failed")
      ->check(CLI::Range(0, 100))
      ->capture_default_str()
      ->group("Method");
  app.add_option("--step", o.step, "loss: a share of the highest rate")
      ->check(CLI::Range(0.01, 0.1))
      ->capture_default_str()
      ->group("Method");
  app.add_option("--sender-tolerance", o.sender_tolerance, "A sender that is short of more than this share is limited")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str()
      ->group("Method");
}

void add_output_options(CLI::App& app, Options& o, Words& w) {
  app.add_option("-o,--output", w.output, "table or json")->check(CLI::IsMember({"table", "json"}))->group("Output");
  app.add_option("--csv", o.csv, "Every figure with its load into this file")->group("Output");
  app.add_option("--report", o.html, "A page with plots into this file")->group("Output");
  app.add_flag("-q,--quiet", o.quiet, "No progress")->group("Output");
}

/// Takes the value of a result, or throws what CLI11 prints as a mistake of usage.
template <typename T>
T take(Result<T> result, const char* option) {
  if (!result) throw CLI::ValidationError(option, result.error().message);
  return std::move(*result);
}

MacAddress take_mac(const std::string& text, const char* option) {
  const auto mac = MacAddress::parse(text);
  if (!mac || mac->is_multicast())
    throw CLI::ValidationError(option, "'" + text + "' is no address of one card; right is for example 02:00:00:00:00:01");
  return *mac;
}

void take_device(Options& o, const Words& w) {
  for (const std::string& port : w.ports) o.ports.push_back(take(DeviceArguments::parse(port), "--port"));
  if (o.ports.empty() != w.engine) throw CLI::ValidationError("--port", "say what to test: --port once or twice, or --engine");
  if (o.ports.size() > 2) throw CLI::ValidationError("--port", "there are two ends at most");
  if (o.ports.size() == 2 && o.ports[0].name == o.ports[1].name)
    throw CLI::ValidationError("--port", "both are " + o.ports[0].name);
  if (o.ports.size() == 1 && o.both) throw CLI::ValidationError("--both", "a single port has one direction: back to itself");
  if (!w.engine && (o.engine_refuse || o.engine_pps != 0))
    throw CLI::ValidationError("--engine", "what the engine is to do is for --engine");
  if (w.engine && (!w.source.empty() || !w.destination.empty()))
    throw CLI::ValidationError("--source", "the engine lets its instances send from their own addresses only; vary the ports");
  if (w.engine && o.hardware_timestamps) throw CLI::ValidationError("--hardware-timestamps", "the engine has no card");
}

void take_traffic(Options& o, const Words& w) {
  for (const std::string& size : w.sizes) {
    if (size == "rfc2544")
      for (const std::size_t bytes : kRfc2544Sizes) o.sizes.push_back(SizeMix::one(bytes));
    else
      o.sizes.push_back(take(SizeMix::parse(size), "--size"));
  }
  o.sizes_chosen = !o.sizes.empty();
  if (!o.sizes_chosen && o.method == Method::kRfc2544)
    for (const std::size_t bytes : kRfc2544Sizes) o.sizes.push_back(SizeMix::one(bytes));
  if (o.sizes.empty()) o.sizes.push_back(SizeMix::one(64));
  if (!w.rate.empty()) o.rate = take(Rate::parse(w.rate), "--rate");
  if (!w.max_rate.empty()) o.max_rate = take(Rate::parse(w.max_rate), "--max-rate");
  if (!w.line.empty()) o.line_bps = take(parse_line(w.line), "--line-rate");
  if (!w.source.empty()) o.source = take(AddressRange::parse(w.source), "--source");
  if (!w.destination.empty()) o.destination = take(AddressRange::parse(w.destination), "--destination");
  if (!w.source_port.empty()) o.source_port = take(PortRange::parse(w.source_port), "--source-port");
  if (!w.destination_port.empty()) o.destination_port = take(PortRange::parse(w.destination_port), "--destination-port");
  if (!w.mac.empty()) o.destination_mac = take_mac(w.mac, "--destination-mac");
  if (!w.reverse_mac.empty()) o.reverse_destination_mac = take_mac(w.reverse_mac, "--reverse-destination-mac");
  for (const auto* range : {&o.source, &o.destination})
    if (*range && (*range)->first.is_v4() == o.ipv6)
      throw CLI::ValidationError("--ipv6", (*range)->first.to_string() + (o.ipv6 ? " is no IPv6 address" : " wants --ipv6"));
}

void take_method(Options& o, const Words& w, const MethodLine& line) {
  o.trial_seconds = w.trial_seconds > 0 ? w.trial_seconds : line.trial_seconds;
  o.search_seconds = std::min(w.search_seconds > 0 ? w.search_seconds : 1.0, o.trial_seconds);
  for (const std::string& loss : w.losses) o.acceptable_losses.push_back(take(parse_share(loss), "--acceptable-loss"));
  if (o.acceptable_losses.empty()) o.acceptable_losses = {0, 0.005};
  if (!o.pcap.empty() && o.method != Method::kRun) throw CLI::ValidationError("--pcap", "a capture is for `weft-gen run`");
  if (!o.pcap.empty() && o.both) throw CLI::ValidationError("--pcap", "a capture is sent in one direction");
  if (!o.pcap.empty() && o.rate) throw CLI::ValidationError("--pcap", "a capture has times of its own; --speed divides them");
  o.json = w.output == "json";
}

}  // namespace

ParsedCommand parse_command(int argc, char** argv) {
  Options options;
  Words words;
  CLI::App app("weft-gen sends test traffic through a network device and judges what comes out (DPDK; RFC 2544, NDR and PDR).");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", std::string("weft-gen ") + WEFT_VERSION);
  add_device_options(app, options, words);
  add_traffic_options(app, options, words);
  add_method_options(app, options, words);
  add_output_options(app, options, words);
  for (const MethodLine& line : kMethods) app.add_subcommand(line.name, line.what)->fallthrough()->footer(kFooter);
  try {
    app.parse(argc, argv);
    const auto& line = *std::ranges::find_if(kMethods, [&](const MethodLine& m) { return app.got_subcommand(m.name); });
    options.method = line.method;
    options.method_name = line.name;
    for (int i = 0; i < argc; ++i) options.command_line += (i == 0 ? "" : " ") + std::string(argv[i]);
    take_device(options, words);
    take_traffic(options, words);
    take_method(options, words, line);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help("", CLI::AppFormatMode::Normal).c_str(), stdout);
    return {std::nullopt, 0};
  } catch (const CLI::Success& said) {
    return {std::nullopt, app.exit(said)};
  } catch (const CLI::Error& wrong) {
    std::fprintf(stderr, "weft-gen: %s\nweft-gen --help says what there is.\n", wrong.what());
    return {std::nullopt, 2};
  }
  return {std::move(options), 0};
}

}  // namespace weft::gen
