// Edits of everything, at random, while packets run at full rate between guests that none of them is about: what went
// in comes out, once and in order (issue 3: live change). A failure prints its seed; WEFT_SEED=<seed> makes the edits
// again.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>
#include <thread>

#include "tests/dataplane/worker/captured.hpp"
#include "tests/dataplane/worker/guests6.hpp"
#include "tests/dataplane/worker/networks.hpp"

namespace weft::test {
namespace {

constexpr std::uint32_t kFlows = 32, kInFlight = 128, kRing = 1024;
constexpr unsigned kVisitors = 4;

std::string visitor(unsigned n) { return "e" + std::to_string(n); }

/// a, b and d (in the other subnet) track what they say to each other; x and y track nothing, and x has an Elastic IP.
Deployment lively() {
  Deployment made = dual_stack({members_group(), open_group(), make_group("others", {}, {all(cidr("0.0.0.0/0"))})},
                               {guest("a", "10.0.1.4", {"members"}), guest("b", "10.0.1.5", {"members"}),
                                guest("c", "10.0.1.6", {"others"}), guest("d", "10.0.2.4", {"members"}, "far")});
  made.instances.push_back(guest("x", "10.0.1.7", {"open"}));
  made.instances.push_back(guest("y", "10.0.1.8", {"open"}));
  add_internet(made);
  add_elastic_ip(made, "203.0.113.1", "eni-x", "10.0.1.7");
  for (const char* subnet : {"hpc", "far"}) add_acl(made, subnet, {allow(100)}, {allow(100)});
  for (NetworkAcl& acl : made.network_acls)
    for (auto* entries : {&acl.ingress, &acl.egress}) entries->push_back(allow(101, kAllProtocols, -1, -1, "::/0"));
  made.prefix_lists.push_back(make_prefix_list("offices", {prefix("192.0.2.0/28")}));
  return made;
}

/// One edit after the other of what lively() is besides the packets of Traffic.
class RandomEdits {
 public:
  RandomEdits(std::uint32_t seed, Deployment from) : random_(seed), now_(std::move(from)) {
    for (unsigned n = 0; n < kVisitors; ++n)
      rings_.push_back({std::make_shared<PacketRing>(kRing), std::make_shared<PacketRing>(kRing)});
  }
  ~RandomEdits() { EXPECT_EQ(kinds_.size(), edits_.size()) << "every kind of edit had its turn"; }

  struct Edit {
    std::shared_ptr<const Deployment> deployment;
    std::vector<Engine::Attachment> ports;
  };
  Edit next() {
    ports_.clear();
    const unsigned kind = turn_ < edits_.size() ? turn_ : below(static_cast<unsigned>(edits_.size()));
    ++turn_;
    kinds_.insert(kind);
    edits_[kind]();
    return {std::make_shared<const Deployment>(now_), std::move(ports_)};
  }
  PacketRing& to_visitor(unsigned n) { return *rings_[n].second; }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  bool coin() { return below(2) == 0; }
  IpPrefix elsewhere() {
    return prefix("198.18." + std::to_string(below(256)) + ".0/" + std::to_string(24 + below(9)));
  }
  Instance& named(const std::string& name) {
    return *std::ranges::find_if(now_.instances, [&](const Instance& one) { return one.name == name; });
  }
  Eni& eni(const std::string& name) { return named(name).enis[0]; }
  SecurityGroup& group_named(const std::string& name) {
    return *std::ranges::find_if(now_.security_groups, [&](const SecurityGroup& one) { return one.name == name; });
  }
  Engine::Attachment port(unsigned n) {
    return {"eni-" + visitor(n),
            std::make_unique<RingPort>(rings_[n].first, rings_[n].second,
                                       PortCapabilities{.mtu = 9001, .checksum = true, .tso = true, .chains = true})};
  }

  void some_rules(std::vector<RuleDeclaration>& rules, std::size_t kept) {
    rules.resize(std::min(kept, rules.size()));
    for (unsigned n = below(20); n > 0; --n) {
      const int from = 8000 + static_cast<int>(below(1000));
      rules.push_back(rule(coin() ? kTcp : kUdp, from, from + static_cast<int>(below(9)),
                           coin()   ? cidr(elsewhere().to_string())
                           : coin() ? group("others")
                                    : prefix_list("offices")));
    }
  }
  void comes_or_goes() {
    const unsigned n = below(kVisitors);
    if (std::erase_if(now_.instances, [&](const Instance& one) { return one.name == visitor(n); }) != 0) return;
    now_.instances.insert(now_.instances.begin() + below(static_cast<unsigned>(now_.instances.size())),
                          guest(visitor(n), "10.0.1.5" + std::to_string(n), {"others"}));
    ports_.push_back(port(n));
  }
  void plugged_or_unplugged() {
    const unsigned n = below(kVisitors);
    if (now_.find_instance(visitor(n)) == nullptr) return;
    ports_.push_back(port(n));
    if (coin()) ports_.back().port.reset();
  }
  void acl_entries() {
    for (NetworkAcl& acl : now_.network_acls)
      for (auto* entries : {&acl.ingress, &acl.egress}) {
        std::erase_if(*entries, [](const AclEntryDeclaration& entry) { return entry.rule_number < 100; });
        for (int n = 0; n < static_cast<int>(below(8)); ++n) {
          const auto at = entries->begin() + n;
          entries->insert(
              at, coin() ? deny(10 + n, kTcp, n, 8000) : deny(10 + n, kAllProtocols, -1, -1, elsewhere().to_string()));
        }
      }
  }
  void routes() {
    for (RouteTable& table : now_.route_tables) {
      std::erase_if(table.routes, [](const Route& route) { return route.target == RouteTargetKind::kBlackhole; });
      if (coin()) table.routes.push_back({elsewhere(), RouteTargetKind::kBlackhole, ""});
    }
  }
  void elastic_ip() {
    std::erase_if(now_.elastic_ips, [](const ElasticIp& one) { return one.eni_id != "eni-x"; });
    if (coin())
      add_elastic_ip(now_, "203.0.113.2", "eni-c", "10.0.1.6");
    else
      add_elastic_ip(now_, "203.0.113." + std::to_string(3 + below(9)), "", "10.0.1.6");
  }
  void addresses_of_c() {
    Eni& c = eni("c");
    c.secondary_private_ips.clear(), c.prefixes.clear();
    if (coin()) c.secondary_private_ips.push_back(ip("10.0.1.6" + std::to_string(below(10))));
    if (coin()) c.prefixes = {prefix("10.0.1.128/28"), prefix("2001:db8:0:1:c::/80")};
    c.ipv6_addresses = {ip("2001:db8:0:1::" + std::string(coin() ? "c" : "cc"))};
  }

  std::mt19937 random_;
  Deployment now_;
  std::vector<std::pair<std::shared_ptr<PacketRing>, std::shared_ptr<PacketRing>>> rings_;
  std::vector<Engine::Attachment> ports_;
  std::set<unsigned> kinds_;
  unsigned turn_ = 0;
  const std::vector<std::function<void()>> edits_ = {
      [this] { some_rules(group_named("others").ingress, 0); },
      [this] { some_rules(group_named("members").ingress, 1); },
      [this] { some_rules(group_named("members").ingress, coin() ? 1 : 0); },  // tracked flows outlive their rule
      [this] { some_rules(group_named("members").egress, coin() ? 1 : 0); },
      [this] { some_rules(group_named("open").egress, 1); },
      [this] {
        eni("c").security_groups =
            coin() ? std::vector<std::string>{"others", "members"} : std::vector<std::string>{"others"};
      },
      [this] {
        eni("b").security_groups =
            coin() ? std::vector<std::string>{"members", "others"} : std::vector<std::string>{"members"};
      },
      [this] {
        auto& entries = now_.prefix_lists[0].entries;
        entries.clear();
        for (unsigned n = below(30); n > 0; --n) entries.push_back(elsewhere());
      },
      [this] { acl_entries(); },
      [this] { routes(); },
      [this] { comes_or_goes(); },
      [this] { comes_or_goes(); },
      [this] { plugged_or_unplugged(); },
      [this] { elastic_ip(); },
      [this] { addresses_of_c(); },
      [this] {
        eni("a").secondary_private_ips = coin() ? std::vector<IpAddress>{ip("10.0.1.90")} : std::vector<IpAddress>{};
      },
      [this] {
        eni("c").source_dest_check = coin(), eni("c").vf.spoof_check = coin(), eni("c").vf.trust = coin();
        eni("c").vf.link = coin() ? VfLink::kAuto : VfLink::kDisable, eni("c").vf.max_tx_rate_mbps = below(3);
        eni("b").source_dest_check = coin(), eni("a").description = coin() ? "sends" : "";
      },
      [this] { eni(coin() ? "c" : "a").connection_tracking.udp_timeout = 30 + static_cast<int>(below(31)); },
      [this] {
        named("c").allowances = coin() ? Allowances{1, 2, 1000, 100, 1} : Allowances{};
      },
      [this] {
        named("a").allowances = coin() ? Allowances{9000, 9000, 1'000'000'000, 1'000'000, 9000} : Allowances{};
      },
      [this] { now_.dns_support = coin(), now_.dhcp.domain_name = coin() ? "example.com" : "ec2.internal"; },
      [this] { named(coin() ? "a" : "c").metadata_options.put_response_hop_limit = 1 + static_cast<int>(below(64)); },
      [this] {
        now_.flow_logs.clear();
        for (const char* what : {"vpc-1", "subnet-1", "eni-a", "eni-c"})
          if (coin()) now_.flow_logs.push_back({std::string("fl-") + what, what, what, TrafficType::kAll, 60, "", ""});
      },
      [this] {
        if (now_.subnets.size() == 3)
          now_.subnets.pop_back();
        else
          now_.subnets.push_back({"subnet-3", "new", prefix("10.0.3.0/24"), "use1-az1", {}, "", ""});
      },
  };
};

/// Streams between guests that stay: each sends numbers over kFlows flows, and may be kInFlight ahead of what has come.
class Traffic {
 public:
  explicit Traffic(Fabric& fabric) : fabric_(fabric) {
    add("a to b", "a", "b", [path = fabric.path("a", "b")](std::uint16_t port) { return udp(path, port, 9); });
    add("a to b, IPv6", "a", "b", [path = path6(fabric, "a", "b")](std::uint16_t port) { return udp6(path, port, 9); });
    add("a to d, through ACLs", "a", "d",
        [path = fabric.path("a", "d")](std::uint16_t port) { return udp(path, port, 9); });
    add("x to y, untracked", "x", "y",
        [path = fabric.path("x", "y")](std::uint16_t port) { return udp(path, port, 9); });
    add("x to the internet", "x", "internet",
        [path = fabric.path_to("x", kOutside)](std::uint16_t port) { return udp(path, port, 9); });
    noise_ = fabric.path_to("c", "10.0.1.50");
  }

  void start(RandomEdits& edits) {
    receiver_ = std::thread([this, &edits] { receive(edits); });
    sender_ = std::thread([this] { send(); });
  }
  /// Stops sending, waits for what is under way, and says what each stream did.
  void stop() {
    done_sending_ = true;
    sender_.join();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (const auto& stream : streams_)
      while (stream->received < stream->sent && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    done_ = true;
    receiver_.join();
    for (const auto& stream : streams_) {
      EXPECT_EQ(stream->received, stream->sent) << stream->name;
      EXPECT_TRUE(stream->in_order) << stream->name << ": lost, doubled or overtaken";
    }
  }
  std::uint64_t least() const {
    std::uint64_t least = ~std::uint64_t{0};
    for (const auto& stream : streams_) least = std::min<std::uint64_t>(least, stream->received);
    return least;
  }
  std::uint64_t sent(const std::string& from) const {
    std::uint64_t sum = 0;
    for (const auto& stream : streams_) sum += stream->from == from ? stream->sent.load() : 0;
    return sum;
  }

 private:
  struct Stream {
    std::string name, from, to;
    std::vector<Frame> flows;
    std::size_t number_at = 0;
    std::atomic<std::uint32_t> sent{0}, received{0};
    std::vector<std::uint32_t> next;  // of each flow; the receiver's
    std::atomic<bool> in_order{true};
  };

  void add(const char* name, const char* from, const char* to, const std::function<Frame(std::uint16_t)>& make) {
    auto stream = std::make_unique<Stream>();
    stream->name = name, stream->from = from, stream->to = to;
    for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
      stream->flows.push_back(make(static_cast<std::uint16_t>(1000 * streams_.size() + 1000 + flow)));
      stream->next.push_back(flow);
    }
    stream->number_at = stream->flows[0].size() - 2 * sizeof(Be32);  // the stream's own number, then the packet's
    for (Frame& frame : stream->flows)
      header_at<Be32>(frame, stream->number_at) = Be32(static_cast<std::uint32_t>(streams_.size()));
    streams_.push_back(std::move(stream));
  }

  void send() {
    std::uint32_t noise = 0;
    while (!done_sending_) {
      bool all_wait = true;
      for (const auto& stream : streams_) {
        const std::uint32_t number = stream->sent;
        if (number - stream->received >= kInFlight) continue;
        all_wait = false;
        Frame& frame = stream->flows[number % kFlows];
        header_at<Be32>(frame, stream->number_at + sizeof(Be32)) = Be32(number);
        rte_mbuf* packet = fabric_.packet(frame);
        while (fabric_.from_guest(stream->from).push({&packet, 1}) != 1) std::this_thread::yield();
        stream->sent = number + 1;
      }
      // c talks to whoever is there or not, about whom nothing is promised.
      noise_.to = "10.0.1.5" + std::to_string(noise % (kVisitors + 1));
      rte_mbuf* packet = fabric_.packet(udp(noise_, static_cast<std::uint16_t>(noise++ % 64), 7));
      if (fabric_.from_guest("c").push({&packet, 1}) != 1) rte_pktmbuf_free(packet);
      if (all_wait) std::this_thread::yield();
    }
  }

  void receive(RandomEdits& edits) {
    while (!done_) {
      unsigned got = 0;
      for (const char* guest : {"b", "d", "y", "internet"}) {
        while (const std::optional<Frame> frame = fabric_.receive(guest)) note(guest, *frame), ++got;
      }
      for (unsigned n = 0; n < kVisitors; ++n) {
        rte_mbuf* packet = nullptr;
        while (edits.to_visitor(n).pop({&packet, 1}) == 1) rte_pktmbuf_free(packet);
      }
      if (got == 0) std::this_thread::yield();
    }
  }
  void note(const std::string& guest, const Frame& frame) {
    const std::uint32_t which = header_at<Be32>(frame, frame.size() - 2 * sizeof(Be32)).host();
    const std::uint32_t number = header_at<Be32>(frame, frame.size() - sizeof(Be32)).host();
    if (which >= streams_.size() || streams_[which]->to != guest) {
      streams_[0]->in_order = false;
      return;
    }
    Stream& stream = *streams_[which];
    if (stream.next[number % kFlows] != number) stream.in_order = false;
    stream.next[number % kFlows] = number + kFlows;
    ++stream.received;
  }

  Fabric& fabric_;
  std::vector<std::unique_ptr<Stream>> streams_;
  Path noise_;
  std::atomic<bool> done_sending_{false}, done_{false};
  std::thread sender_, receiver_;
};

void no_edit_costs_a_packet(unsigned workers) {
  constexpr unsigned kEdits = 200;
  constexpr std::uint64_t kPackets = 20'000;  // of each stream, at least
  const char* given = std::getenv("WEFT_SEED");
  const std::uint32_t seed = given ? static_cast<std::uint32_t>(std::atoll(given)) : std::random_device{}();
  SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));

  Fabric fabric(lively(), {.flow_capacity = 16384, .workers = workers, .packets = 16383, .ring_depth = kRing});
  RandomEdits edits(seed, lively());
  Traffic traffic(fabric);
  fabric.engine().start();
  traffic.start(edits);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(40);
  while (traffic.least() < kFlows && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();  // all have their entry

  std::optional<Captured> capture;
  unsigned made = 0;
  for (; (made < kEdits || traffic.least() < kPackets) && std::chrono::steady_clock::now() < deadline; ++made) {
    // Nobody reads what is captured: that is no guest's business.
    if (made % 16 == 0) capture.emplace(fabric, std::vector<std::string>{"a", "b", "c", visitor(0)});
    if (made % 16 == 8) capture.reset();
    if (made % 5 == 0) (void)fabric.engine().take_flow_log_records();
    RandomEdits::Edit edit = edits.next();
    EXPECT_TRUE(fabric.engine().apply(std::move(edit.deployment), std::move(edit.ports)));
  }
  EXPECT_GE(made, kEdits);
  EXPECT_GE(traffic.least(), kPackets);
  capture.reset();
  traffic.stop();
  fabric.engine().stop();
  for (const EniStatistics& counted : fabric.engine().statistics()) {
    const std::string guest = counted.eni_id.substr(4);
    if (guest != "a" && guest != "b" && guest != "d" && guest != "x" && guest != "y") continue;
    EXPECT_EQ(counted.tx_packets, traffic.sent(guest)) << guest;
    for (std::size_t reason = 0; reason < kDropReasons; ++reason)
      EXPECT_EQ(counted.drops[reason], 0U) << guest << ": " << kDropNames[reason];
  }
  EXPECT_TRUE(fabric.engine().balance().holds());
  testing::Test::RecordProperty("edits", static_cast<int>(made));
  testing::Test::RecordProperty("packets", static_cast<int>(traffic.sent("a") + traffic.sent("x")));
}

TEST(LiveChange, NoEditCostsAPacketOfOthers) { no_edit_costs_a_packet(1); }
TEST(LiveChange, NoEditCostsAPacketOfOthersWithTwoWorkersThatHandOver) { no_edit_costs_a_packet(2); }

}  // namespace
}  // namespace weft::test
