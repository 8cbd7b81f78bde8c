// What the holder, the daemon and `weft exec` say to each other on <runtime>/holder.sock: one JSON object per SEQPACKET
// record, descriptors beside it by SCM_RIGHTS. A body too large for a record travels in a sealed memfd, the record's
// first descriptor, so the state that weftd saves may be megabytes.
//
// Requests have "op"; replies have "ok": true, or "error": {code, message}. docs/instances.md lists the operations.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/model/result.hpp"
#include "instances/holder.hpp"

namespace weft::holder {

inline constexpr int kProtocolVersion = 2;
inline constexpr const char* kSocketFile = "holder.sock";
inline constexpr const char* kCounterDirectory = "efa-counters";  // as efa_counter_directory() of drivers/efa has it
inline constexpr std::size_t kInlineLimit = 32 * 1024;       // well under the least SO_SNDBUF
inline constexpr std::size_t kBodyLimit = 64 * 1024 * 1024;  // a deployment of thousands of instances is one

struct Message {
  nlohmann::json body;
  std::vector<UniqueFd> descriptors;
};

/// Never raises SIGPIPE. `descriptors` stay the caller's.
Result<void> send_message(int socket, const nlohmann::json& body, std::span<const int> descriptors = {});

/// One record, or nothing when the peer closed. An error means that the peer is not to be trusted any further.
Result<std::optional<Message>> receive_message(int socket);

nlohmann::json error_body(const Error& error);
/// The error in a reply, if it is one.
std::optional<Error> error_in(const nlohmann::json& body);

nlohmann::json encode(const GuestInstance& instance);
/// Checks everything a namespace or a file will be made from: names, addresses, routers, MTU.
Result<GuestInstance> decode_instance(const nlohmann::json& body);

/// May be a hostname: letters, digits, '-' and '.', at most 63.
bool is_instance_name(const std::string& name);

/// True when the process at the other end of a unix socket has this process's user.
bool peer_is_same_user(int socket);

/// The process that connected, or 0.
pid_t peer_pid(int socket);

/// Connects to a holder and checks who owns it. errno is kept for the caller: ENOENT or ECONNREFUSED is "no holder".
Result<UniqueFd> connect_to_holder(const std::string& runtime_directory, bool* no_holder = nullptr);

/// Sends and waits for the reply; an error reply is the error.
Result<Message> request(int socket, const nlohmann::json& body);

}  // namespace weft::holder
