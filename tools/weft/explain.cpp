// weft explain: would it pass, on which way, by which rules, without sending it.
#include "tools/weft/api_client.hpp"
#include "tools/weft/command.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/output.hpp"
#include "tools/weft/packet_file.hpp"
#include "tools/weft/packet_question.hpp"

namespace weft::cli {
namespace {

using nlohmann::json;

struct ExplainOptions {
  std::string source, destination, protocol, source_address;
  std::string packet;  // "FILE[:N]": the question is about a captured one
  int port = -1, source_port = -1, type = -1, code = -1, size = -1;
  bool efa = false;
  bool ipv6 = false;
  bool may_fragment = false;
  bool json = false;
};

/// What is wrong with the question as typed, or nothing.
std::string usage_error(const ExplainOptions& o) {
  const bool ports = o.protocol == "tcp" || o.protocol == "udp" || o.protocol == "6" || o.protocol == "17";
  const bool icmp = o.protocol == "icmp" || o.protocol == "1" || o.protocol == "icmpv6" || o.protocol == "58";
  if (!o.packet.empty()) {
    const bool more = !o.source.empty() || o.efa || !o.source_address.empty() || o.source_port >= 0 || o.type >= 0 ||
                      o.code >= 0 || o.size >= 0 || o.ipv6 || o.may_fragment;
    return more ? "--packet says everything about the packet; leave the rest out" : "";
  }
  if (o.destination.empty()) return "say from where to where: SOURCE DESTINATION PROTOCOL [PORT]; or --packet FILE";
  if (o.efa && (!o.protocol.empty() || o.size >= 0 || o.ipv6 || o.may_fragment || !o.source_address.empty()))
    return "an EFA message has no protocol, port, address or size; leave them out with --efa";
  if (o.efa) return "";
  if (o.protocol.empty()) return "say which protocol: tcp, udp, icmp, icmpv6 or a number; or --efa";
  if (ports && o.port < 0) return "a port is needed with " + o.protocol + ", such as: weft explain a b tcp 22";
  if (!ports && (o.port >= 0 || o.source_port >= 0)) return o.protocol + " has no ports; leave the port out";
  if (!icmp && (o.type >= 0 || o.code >= 0)) return "--type and --code are for icmp and icmpv6";
  if (o.may_fragment && o.size < 0) return "--may-fragment says what may become of a --size; give that too";
  return "";
}

json question(const ExplainOptions& o) {
  json body = {{"source", o.source}, {"destination", o.destination}};
  if (o.efa) body["efa"] = true;
  if (!o.protocol.empty()) body["protocol"] = o.protocol;
  if (!o.source_address.empty()) body["source_address"] = o.source_address;
  if (o.ipv6) body["ipv6"] = true;
  if (o.may_fragment) body["dont_fragment"] = false;
  auto add = [&](const char* key, int value) {
    if (value >= 0) body[key] = value;
  };
  add("port", o.port);
  add("source_port", o.source_port);
  add("icmp_type", o.type);
  add("icmp_code", o.code);
  add("size", o.size);
  return body;
}

/// The question of a packet of a file. Says what the packet is, unless a program reads.
Result<json> captured_question(const ExplainOptions& options, const ApiClient& client) {
  const PacketPlace place = parse_packet_place(options.packet);
  Result<PacketOfFile> packet = read_packet(place);
  if (!packet) return packet.error();
  Result<json> deployment = client.get("/v1/deployment");
  if (!deployment) return deployment.error();
  Result<json> interfaces = client.get("/v1/interfaces");
  if (!interfaces) return interfaces.error();
  const FrameSummary frame = summarise(packet->bytes);
  if (!options.json)
    std::printf("packet %llu of %s: %s\n", static_cast<unsigned long long>(place.number), place.file.c_str(),
                to_string(frame).c_str());
  return question_about(frame, *interfaces, *deployment);
}

int explain(const ExplainOptions& options) {
  if (const std::string wrong = usage_error(options); !wrong.empty())
    return report({"InvalidParameterCombination", wrong, {}});
  Result<ApiClient> client = ApiClient::open();
  if (!client) return report(client.error());
  Result<json> asked = options.packet.empty() ? Result<json>(question(options)) : captured_question(options, *client);
  if (!asked) return report(asked.error());
  Result<json> answer = client->post("/v1/explain", *asked);
  if (!answer) return report(answer.error());
  if (options.json)
    print_json(*answer);
  else
    for (const json& line : answer->value("text", json::array())) std::puts(printable(line.get<std::string>()).c_str());
  return answer->value("allowed", false) ? kOk : kRefused;
}

}  // namespace

void add_explain(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("explain", "Would a packet pass, on which way, by which rules");
  auto o = std::make_shared<ExplainOptions>();
  command->add_option("SOURCE", o->source, "Instance (name or id: its eth0), interface (eni-...), internet, or address");
  command->add_option("DESTINATION", o->destination, "As SOURCE");
  command->add_option("PROTOCOL", o->protocol, "tcp, udp, icmp, icmpv6 or an IANA number");
  command->add_option("PORT", o->port, "Destination port, for tcp and udp")->check(CLI::Range(0, 65535));
  command->add_option("--source-port", o->source_port, "Source port (an ephemeral one when left out)")
      ->check(CLI::Range(0, 65535));
  command->add_option("--type", o->type, "ICMP type (echo request when left out)")->check(CLI::Range(0, 255));
  command->add_option("--code", o->code, "ICMP code")->check(CLI::Range(0, 255));
  command->add_option("--size", o->size, "Bytes of the IP packet, with DF set; left out, it is small")
      ->check(CLI::Range(1, 65535));
  command->add_flag("--may-fragment", o->may_fragment, "DF is clear: what is too big at the gateway is fragmented");
  command->add_flag("--ipv6", o->ipv6, "Between the IPv6 addresses of SOURCE and DESTINATION");
  command->add_option("--source-address", o->source_address, "What SOURCE sends from, if not its own address");
  command->add_option("--packet", o->packet, "The packet is number N (1) of a capture file")->type_name("FILE[:N]");
  command->add_flag("--efa", o->efa, "An EFA message instead of an IP packet");
  add_output_option(command, o->json);
  command->footer("Exit code 0: it would pass; 1: it would be dropped.\nExample: weft explain node-0 node-1 tcp 22\n"
      "         weft explain --packet node-0.pcapng:12");
  command->callback([&chosen, o] { chosen.run = [o] { return explain(*o); }; });
}

}  // namespace weft::cli
