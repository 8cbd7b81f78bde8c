#include "dataplane/control/api_routes.hpp"

#include <gtest/gtest.h>

#include "tests/dataplane/control/fakes.hpp"

namespace weft::testing {
namespace {

struct Routes : ::testing::Test {
  World world;
  ApiRoutes routes{world.controller, {"1.2.3", 2, false, false, [] { return std::uint64_t{5'000'000'000}; }}};

  ApiResponse ask(std::string method, std::string target, std::string body = "") {
    return routes.handle({std::move(method), std::move(target), std::move(body)});
  }
  ApiResponse apply(const std::string& text, const char* route = "/v1/apply") {
    return ask("POST", route, Json{{"file", "t.yaml"}, {"topology", text}}.dump());
  }
  ApiResponse explain(Json question) { return ask("POST", "/v1/explain", question.dump()); }
};

TEST_F(Routes, StatusBeforeAnything) {
  ApiResponse response = ask("GET", "/v1/status");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body["version"], "1.2.3");
  EXPECT_EQ(response.body["workers"], 2);
  EXPECT_EQ(response.body["deployment"], false);
  EXPECT_EQ(response.body["mode"], "rootless");
  EXPECT_TRUE(response.body["progress"].is_null());
}

TEST_F(Routes, ListsAreEmptyBeforeAnything) {
  for (const char* path : {"instances", "interfaces", "security-groups", "flows", "drops"}) {
    ApiResponse response = ask("GET", std::string("/v1/") + path);
    EXPECT_EQ(response.status, 200u);
    EXPECT_EQ(response.body.dump(), "[]") << path;
  }
  EXPECT_EQ(ask("GET", "/v1/deployment").status, 404u);
  EXPECT_EQ(explain({{"source", "a"}}).status, 404u);
}

TEST_F(Routes, PlanAppliesNothingAndApplyAnswersTheSame) {
  const std::string text = topology({plain("a"), efa("b")});
  ApiResponse plan = apply(text, "/v1/plan");
  EXPECT_EQ(ask("GET", "/v1/instances").body.size(), 0u);
  ApiResponse applied = apply(text);
  EXPECT_EQ(applied.status, 200u);
  EXPECT_EQ(applied.body["changes"], plan.body["changes"]);
  EXPECT_EQ(applied.body["changes"][0]["kind"], "add");
  EXPECT_EQ(applied.body["warnings"].dump(), "[]");
  EXPECT_GE(applied.body["took_ms"].get<double>(), 0.0);
  EXPECT_EQ(apply(text).body["changes"].dump(), "[]");

  Json instances = ask("GET", "/v1/instances").body;
  ASSERT_EQ(instances.size(), 2u);
  EXPECT_EQ(instances[1]["name"], "b");
  EXPECT_EQ(instances[1]["interfaces"][0]["type"], "efa");
  EXPECT_EQ(instances[1]["interfaces"][0]["az"], "use1-az1");
  Json interfaces = ask("GET", "/v1/interfaces").body;
  EXPECT_EQ(interfaces[1], instances[1]["interfaces"][0]);
  EXPECT_EQ(interfaces[0]["vf"]["spoof_check"], true);
  EXPECT_EQ(ask("GET", "/v1/deployment").body["vpc"]["cidr"], "10.0.0.0/16");
}

TEST_F(Routes, AnErrorOfTheTopologyHasCodeSentenceAndPlace) {
  ApiResponse response = apply(topology({"{name: a, interfaces: [{subnet: s, security_groups: [nix]}]}"}));
  EXPECT_EQ(response.status, 400u);
  EXPECT_EQ(response.body["error"]["code"], "InvalidGroup.NotFound");
  EXPECT_EQ(response.body["error"]["where"]["file"], "t.yaml");
  EXPECT_EQ(response.body["error"]["where"]["line"], 9);
}

TEST_F(Routes, AFileThatIsNotYamlIsTheClientsFault) {
  for (const char* text : {"vpc: {cidr: 10.0.0.0/16", "\tversion: 1", "a: ["}) {
    ApiResponse response = apply(text);
    EXPECT_EQ(response.status, 400u) << text;
    EXPECT_EQ(response.body["error"]["code"], "Weft.InvalidYaml") << text;
  }
}

TEST_F(Routes, AFaultOfTheMachineIsA500) {
  world.fault.countdown = 1;
  ApiResponse response = apply(topology({plain("a")}));
  EXPECT_EQ(response.status, 500u);
  EXPECT_EQ(response.body["error"]["message"], "create a failed, as the test wanted");
}

TEST_F(Routes, BodiesThatAreNoRequestAreRefused) {
  for (const char* body :
       {"", "nonsense", "[]", "{}", R"({"file":"f"})", R"({"file":"f","topology":7})", "\xff", "{\"file\":\"f\""}) {
    ApiResponse response = ask("POST", "/v1/apply", body);
    EXPECT_EQ(response.status, 400u) << body;
    EXPECT_EQ(response.body["error"]["code"], "InvalidRequest") << body;
  }
  EXPECT_EQ(ask("POST", "/v1/apply", std::string(100'000, '[')).status, 400u);  // deep nesting
}

TEST_F(Routes, UnknownPathsAndMethods) {
  for (const char* path : {"/", "/v1", "/v1/", "/v2/status", "/v1/status/", "", "*"})
    EXPECT_EQ(ask("GET", path).status, 404u) << path;
  ApiResponse response = ask("PATCH", "/v1/deployment");
  EXPECT_EQ(response.status, 405u);
  EXPECT_EQ(response.allow, "GET, DELETE");
  EXPECT_EQ(ask("GET", "/v1/apply").allow, "POST");
}

TEST_F(Routes, DeleteRemovesAndEndsTheDaemon) {
  apply(topology({plain("a")}));
  ApiResponse response = ask("DELETE", "/v1/deployment");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body["removed"], 1);
  EXPECT_TRUE(response.ends_daemon);
  EXPECT_FALSE(ask("GET", "/v1/status").ends_daemon);
  EXPECT_EQ(apply(topology({plain("a")})).status, 409u);
}

TEST_F(Routes, AnInstanceIsStoppedStartedRebootedAndTerminated) {
  apply(topology({plain("a"), efa("b")}));
  const std::string id = world.controller.deployment()->instances[0].id;
  ApiResponse stopped = ask("POST", "/v1/instances/a/stop");
  ASSERT_EQ(stopped.status, 200u) << stopped.body.dump();
  EXPECT_EQ(stopped.body["instance"], "a");
  EXPECT_EQ(stopped.body["id"], id);
  EXPECT_EQ(stopped.body["previous_state"], "running");
  EXPECT_EQ(stopped.body["state"], "stopped");
  EXPECT_EQ(stopped.body["warnings"].dump(), "[]");
  EXPECT_GE(stopped.body["took_ms"].get<double>(), 0.0);
  ApiResponse refused = ask("POST", "/v1/instances/a/reboot");
  EXPECT_EQ(refused.status, 409u);
  EXPECT_EQ(refused.body["error"]["code"], "IncorrectInstanceState");
  EXPECT_EQ(ask("POST", "/v1/instances/" + id + "/start").body["state"], "running");
  EXPECT_EQ(ask("POST", "/v1/instances/a/reboot").body["state"], "running");
  EXPECT_EQ(world.environment.made["a"], 3);
  EXPECT_EQ(ask("POST", "/v1/instances/a/terminate").body["state"], "terminated");
  EXPECT_EQ(ask("POST", "/v1/instances/a/start").body["error"]["code"], "InvalidInstanceID.NotFound");
  EXPECT_EQ(ask("GET", "/v1/instances").body.size(), 1u);
}

TEST_F(Routes, PathsBesideThoseOfAnInstanceAreUnknown) {
  apply(topology({plain("a")}));
  for (const char* path : {"/v1/instances/", "/v1/instances//stop", "/v1/instances/a", "/v1/instances/a/",
                           "/v1/instances/a/halt", "/v1/instances/a/stop/", "/v1/instances/a/b/stop", "/v1/instances/stop",
                           "v1/instances/a/stop"})
    EXPECT_EQ(ask("POST", path).status, 404u) << path;
  EXPECT_EQ(ask("GET", "/v1/instances/a/stop").allow, "POST");
  EXPECT_EQ(ask("POST", "/v1/instances/%61/stop").body["error"]["code"], "InvalidInstanceID.NotFound");
}

TEST_F(Routes, FlowsAreLimitedAndCounted) {
  apply(topology({plain("a"), plain("b")}));
  FlowView flow;
  flow.initiator_tuple = {*IpAddress::parse("10.0.1.4"), *IpAddress::parse("10.0.1.5"), 6, 40000, 22};
  flow.initiator_eni = world.controller.deployment()->instances[0].enis[0].id;
  flow.responder_eni = world.controller.deployment()->instances[1].enis[0].id;
  flow.state = "tcp-established";
  flow.tracked[1] = false;
  flow.packets[0] = 12;
  world.engine.flows_answer.assign(3, flow);
  ApiResponse response = ask("GET", "/v1/flows?limit=2");
  EXPECT_EQ(response.body.size(), 2u);
  EXPECT_EQ(response.total, "3");
  EXPECT_EQ(response.body[0]["initiator"]["instance"], "a");
  EXPECT_EQ(response.body[0]["initiator"]["packets"], 12);
  EXPECT_EQ(response.body[0]["responder"]["tracked"], false);
  for (const char* query : {"?limit=", "?limit=x", "?limit=-1", "?limit=1&x=2", "?nonsense", "?limit=99999999999"})
    EXPECT_EQ(ask("GET", std::string("/v1/flows") + query).status, 400u) << query;
}

TEST_F(Routes, DropsComeNewestFirstAndAreExplained) {
  apply(topology({plain("a"), plain("b")}));
  DropView drop;
  drop.when_ns = 1'000'000'000;
  drop.reason = DropReason::kGroupIngress;
  drop.source_eni = world.controller.deployment()->instances[0].enis[0].id;
  drop.tuple = {*IpAddress::parse("10.0.1.4"), *IpAddress::parse("10.0.1.5"), 6, 40000, 22};
  DropView later = drop;
  later.when_ns = 4'000'000'000;
  later.reason = DropReason::kPortFull;
  world.engine.drops_answer = {drop, later};
  Json drops = ask("GET", "/v1/drops").body;
  ASSERT_EQ(drops.size(), 2u);
  EXPECT_EQ(drops[0]["reason"], "port-full");
  EXPECT_TRUE(drops[0]["explanation"].is_null());
  EXPECT_EQ(drops[1]["age_ms"], 4000);
  EXPECT_EQ(drops[1]["explanation"]["drop_reason"], "group-ingress");
  EXPECT_EQ(drops[1]["source"]["instance"], "a");
}

TEST_F(Routes, StatisticsHaveInterfacesBalanceAndWorkers) {
  apply(topology({plain("a")}));
  EniStatistics statistics;
  statistics.eni_id = world.controller.deployment()->instances[0].enis[0].id;
  statistics.rx_packets = 4;
  world.engine.statistics_answer = {statistics};
  Json body = ask("GET", "/v1/statistics").body;
  EXPECT_EQ(body["interfaces"][0]["instance"], "a");
  EXPECT_EQ(body["interfaces"][0]["rx_packets"], 4);
  EXPECT_EQ(body["balance"]["holds"], true);
  EXPECT_EQ(body["workers"][0]["awake_ns"], 4);
}

TEST_F(Routes, FlowsOfInterfacesAreCountedWhenAsked) {
  world.engine.flow_counts_answer.of_enis = {{"eni-1", 5}};
  EXPECT_EQ(ask("GET", "/v1/statistics?flows=true").body["flows"].dump(), R"({"eni-1":5})");
  EXPECT_FALSE(ask("GET", "/v1/statistics").body.contains("flows"));
  EXPECT_EQ(ask("GET", "/v1/statistics?flow=true").status, 400u);
}

TEST_F(Routes, MetricsHaveEveryCounter) {
  apply(topology({plain("a"), efa("b")}));
  for (const Instance& instance : world.controller.deployment()->instances) {
    EniStatistics& statistics = world.engine.statistics_answer.emplace_back();
    statistics.eni_id = instance.enis[0].id;
    statistics.tx_bytes = 1234;
    statistics.drops[static_cast<std::size_t>(DropReason::kGroupIngress)] = 7;
    statistics.efa.tx_pkts = 9;
  }
  world.engine.flow_counts_answer = {{{1, 2, 3, 4}}, {{world.engine.statistics_answer[0].eni_id, 5}}};
  ApiResponse response = ask("GET", "/v1/metrics");
  EXPECT_EQ(response.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  const auto has = [&](const std::string& line) { return response.text.find("\n" + line + "\n") != std::string::npos; };
  const auto labels = [&](std::size_t i, const char* name) {
    return "{eni=\"" + world.engine.statistics_answer[i].eni_id + "\",instance=\"" + name + "\"";
  };
  EXPECT_TRUE(has("weft_eni_transmitted_bytes_total" + labels(0, "a") + "} 1234"));
  EXPECT_TRUE(has("weft_eni_dropped_packets_total" + labels(0, "a") + ",reason=\"group-ingress\"} 7"));
  EXPECT_TRUE(has("weft_eni_dropped_packets_total" + labels(1, "b") + ",reason=\"malformed\"} 0"));
  EXPECT_TRUE(has("weft_efa_tx_pkts_total" + labels(1, "b") + "} 9"));
  EXPECT_FALSE(has("weft_efa_tx_pkts_total" + labels(0, "a") + "} 9")) << "a has no EFA";
  EXPECT_TRUE(has("weft_eni_flows" + labels(0, "a") + "} 5"));
  EXPECT_TRUE(has("weft_eni_flows" + labels(1, "b") + "} 0"));
  EXPECT_TRUE(has("weft_worker_flows{worker=\"0\",family=\"ipv6\"} 3"));
  EXPECT_TRUE(has("weft_worker_asleep_seconds_total{worker=\"0\"} 3e-09"));
  EXPECT_TRUE(has("weft_build_info{version=\"1.2.3\"} 1"));
  EXPECT_TRUE(has("weft_instances{state=\"running\"} 2"));
  EXPECT_TRUE(response.text.ends_with("\n# EOF\n"));
}

TEST_F(Routes, VirtualFunctionsAreListedWithWhatIsFree) {
  apply(topology({plain("a"), efa("b"), plain("c")}));
  apply(topology({plain("a"), plain("c")}));  // b's index is free again
  EniStatistics statistics;
  statistics.eni_id = world.controller.deployment()->find_instance("a")->enis[0].id;
  statistics.drops[static_cast<std::size_t>(DropReason::kSpoofedMac)] = 2;
  statistics.drops[static_cast<std::size_t>(DropReason::kVfRate)] = 5;
  world.engine.statistics_answer = {statistics};
  const Json vfs = ask("GET", "/v1/vf").body;
  ASSERT_EQ(vfs["functions"].size(), 2u) << vfs.dump(1);
  EXPECT_EQ(vfs["free"].dump(), "[[1,1],[3,65533]]");
  const Json& a = vfs["functions"][0];
  EXPECT_EQ(a["interface"], "a/eth0");
  EXPECT_EQ(a["link_up"], true);
  EXPECT_EQ(a["statistics"]["dropped"], 7);
  EXPECT_EQ(a["statistics"]["spoofed"], 2);
  EXPECT_EQ(a["statistics"]["over_rate"], 5);
  apply(topology({plain("a"), plain("c"), plain("d")}));
  EXPECT_EQ(ask("GET", "/v1/vf").body["functions"][1]["interface"], "d/eth0") << "used again";
}

TEST_F(Routes, AVirtualFunctionIsSetUntilTheFileSaysOtherwise) {
  const std::string text = topology({plain("a")});
  EXPECT_EQ(ask("POST", "/v1/vf", R"({"interface": "a", "trust": true})").status, 409u) << "nothing runs";
  apply(text);
  ApiResponse set = ask("POST", "/v1/vf", R"({"interface": "a/eth0", "rate": "100Mbit", "link": "disable"})");
  ASSERT_EQ(set.status, 200u) << set.body.dump();
  EXPECT_EQ(set.body["changes"][0]["details"][0], "vf: none -> rate 100Mbps, link disable");
  EXPECT_FALSE(world.engine.published->instances[0].enis[0].vf.link_up());
  EXPECT_EQ(apply(text).body["changes"].size(), 0u);
  EXPECT_EQ(ask("GET", "/v1/vf").body["functions"][0]["max_tx_rate_mbps"], 100);
  EXPECT_EQ(ask("GET", "/v1/vf").body["functions"][0]["link_up"], false);
  EXPECT_EQ(ask("POST", "/v1/vf", R"({"interface": "a", "rate": 0, "link": "auto"})").status, 200u);
  EXPECT_EQ(ask("GET", "/v1/vf").body["functions"][0]["link_up"], true);
}

TEST_F(Routes, WhatCannotBeSetOfAVirtualFunctionIsSaid) {
  apply(topology({plain("a")}));
  for (const char* body : {"", "[]", "{}", R"({"interface": "a"})", R"({"interface": 1, "trust": true})", R"({"trust": true})",
                           R"({"interface": "a", "trust": "on"})", R"({"interface": "a", "link": "up"})",
                           R"({"interface": "a", "rate": "fast"})", R"({"interface": "a", "rate": 1.5})",
                           R"({"interface": "a", "rate": -1})", R"({"interface": "a", "spoof": true})",
                           R"({"interface": "nobody", "trust": true})"})
    EXPECT_EQ(ask("POST", "/v1/vf", body).status, 400u) << body;
}

TEST_F(Routes, ScrapersSeeTheMetricsAndNothingElse) {
  EXPECT_EQ(routes.handle_scrape({"GET", "/metrics", ""}).status, 200u);
  EXPECT_FALSE(routes.handle_scrape({"GET", "/metrics?x", ""}).text.empty());
  EXPECT_EQ(routes.handle_scrape({"POST", "/metrics", ""}).status, 405u);
  for (const char* path : {"/", "/v1/metrics", "/v1/deployment", "/metrics/", ""})
    for (const char* method : {"GET", "DELETE"}) EXPECT_EQ(routes.handle_scrape({method, path, ""}).status, 404u) << path;
}

TEST_F(Routes, ExplainTakesNamesIdsAndAddresses) {
  apply(topology({plain("a"), plain("b")}, "[{protocol: tcp, port: 22, cidr: 10.0.1.4/32}]"));
  const Instance& b = world.controller.deployment()->instances[1];
  for (const std::string& destination : {b.name, b.id, b.enis[0].id, b.enis[0].private_ip.to_string()}) {
    ApiResponse yes = explain({{"source", "a"}, {"destination", destination}, {"protocol", "tcp"}, {"port", 22}});
    EXPECT_EQ(yes.status, 200u);
    EXPECT_EQ(yes.body["allowed"], true) << yes.body.dump(1);
    ApiResponse no = explain({{"source", "a"}, {"destination", destination}, {"protocol", 6}, {"port", 23}});
    EXPECT_EQ(no.body["allowed"], false);
    EXPECT_EQ(no.body["drop_reason"], "group-ingress");
    EXPECT_EQ(no.body["gates"].size(), 2u);
    EXPECT_EQ(no.body["steps"].size(), 5u) << no.body.dump(1);  // source, egress gate, route, ingress gate, destination
    EXPECT_EQ(no.body["steps"][3]["stage"], "ingress gate");
    EXPECT_EQ(no.body["steps"][3]["passed"], false);
    EXPECT_EQ(no.body["text"].size(), 6u);
  }
  EXPECT_EQ(explain({{"source", "a"}, {"destination", "b"}, {"protocol", "icmp"}}).body["allowed"], false);
  EXPECT_EQ(explain({{"source", "a"}, {"destination", "b"}, {"efa", true}}).body["allowed"], false);
}

TEST_F(Routes, ExplainSaysWhatIsWrongWithAQuestion) {
  apply(topology({plain("a"), plain("b")}));
  const Json good{{"source", "a"}, {"destination", "b"}, {"protocol", "tcp"}, {"port", 22}};
  struct {
    const char* key;
    Json value;
    const char* code;
  } cases[] = {
      {"source", 7, "InvalidRequest"},
      {"source", "c", "InvalidInstanceID.NotFound"},
      {"destination", "eni-0123456789abcdef0", "InvalidNetworkInterfaceID.NotFound"},
      {"protocol", "tpc", "InvalidParameterValue"},
      {"protocol", "all", "InvalidParameterValue"},
      {"protocol", 256, "InvalidParameterValue"},
      {"protocol", nullptr, "InvalidParameterValue"},
      {"port", 65536, "InvalidParameterValue"},
      {"port", -1, "InvalidParameterValue"},
      {"port", "22", "InvalidParameterValue"},
      {"port", 22.5, "InvalidParameterValue"},
      {"port", nullptr, "InvalidRequest"},
      {"source_port", 1e9, "InvalidParameterValue"},
      {"efa", "yes", "InvalidParameterValue"},
      {"ipv6", 6, "InvalidParameterValue"},
      {"size", 65536, "InvalidParameterValue"},
      {"size", -1, "InvalidParameterValue"},
      {"dont_fragment", "no", "InvalidParameterValue"},
      {"source_address", "10.0.1", "InvalidParameterValue"},
      {"source_address", 10, "InvalidParameterValue"},
  };
  ASSERT_EQ(explain(good).status, 200u);
  for (const auto& [key, value, code] : cases) {
    Json bad = good;
    bad[key] = value;
    ApiResponse response = explain(bad);
    EXPECT_EQ(response.status, 400u) << bad.dump();
    EXPECT_EQ(response.body["error"]["code"], code) << bad.dump() << response.body.dump();
    EXPECT_EQ(response.body["error"]["where"]["key"], key) << bad.dump();
  }
}

TEST_F(Routes, ExplainAsksAboutSizesAndForeignSources) {
  apply(topology({plain("a"), plain("b")}, "[{protocol: all, cidr: 0.0.0.0/0}]"));
  Json question{{"source", "a"}, {"destination", "b"}, {"protocol", "tcp"}, {"port", 22}};
  question["size"] = 9001;
  EXPECT_EQ(explain(question).body["allowed"], true);
  question["size"] = 9002;
  EXPECT_EQ(explain(question).body["drop_reason"], "too-big");
  question.erase("size");
  question["source_address"] = "192.0.2.1";
  EXPECT_EQ(explain(question).body["drop_reason"], "spoofed-ip");
  EXPECT_EQ(explain(question).body["source_eni"], world.controller.deployment()->instances[0].enis[0].id);
  question["source"] = "10.0.1.4";
  EXPECT_EQ(explain(question).body["error"]["where"]["key"], "source_address") << "an address sends from no other";
}

}  // namespace
}  // namespace weft::testing
