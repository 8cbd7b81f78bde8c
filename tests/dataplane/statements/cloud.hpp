// A cloud that a statement is true of: a topology file, applied by the real controller to the real engine, with a ring
// port for each interface and a clock that the test turns. An environment that makes ring ports stands in for namespaces
// (dataplane/control/environment.hpp); all else is what weftd runs.
//
// Interfaces go by name: "a" is instance a's primary, "a/eth1" its second, "spare" one of network_interfaces wherever it is
// attached, "internet" what is behind the gateway. Each statement sends with delivers(), drops() or answers(), which fail
// on every change of a counter or a flow that is not listed.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "tests/dataplane/statements/given.hpp"
#include "tests/dataplane/worker/watch.hpp"

namespace weft {
enum class LifeChange : std::uint8_t;
}

namespace weft::test {

class Cloud {
 public:
  struct Options {
    bool efa = false;  // with EFA functions, whose clients find them under runtime_directory()
  };
  explicit Cloud(const Given& given) : Cloud(given, Options{}) {}
  Cloud(const Given& given, const Options& options);  // the test fails where the topology is refused
  ~Cloud();
  Cloud(const Cloud&) = delete;
  Cloud& operator=(const Cloud&) = delete;

  // --- the API. Each returns EC2's error code, or "". What was refused has changed nothing, which is checked.
  std::string up(const Given& given);
  /// With what the file has no words for.
  std::string up(const Given& given, const std::function<void(Topology&)>& edit);
  std::string stop(const std::string& instance);
  std::string start(const std::string& instance);
  std::string terminate(const std::string& instance);
  const std::string& message() const;  // of the last refusal

  const Deployment& deployment() const;
  const Eni& eni(const std::string& name) const;
  std::string address(const std::string& name) const { return eni(name).private_ip.to_string(); }
  Engine& engine();
  std::string runtime_directory() const;

  // --- packets
  /// From an interface's primary address: straight to a neighbour, through the router to all else, as Linux does it.
  /// Both are IPv6 if `to` is.
  Path path_to(const std::string& from, const std::string& to) const;
  /// From a host of the internet to a public address.
  Path path_in(const std::string& to) const;

  void send(const std::string& from, const Frame& frame);  // and one turn
  std::optional<Frame> receive(const std::string& name);
  /// Forgets what everybody got, and the changes.
  void ignore();
  /// Since the last look.
  Changes changes();

  /// `to` gets it and nobody else gets anything. Inside the VPC it is the packet that was sent. Returns the frame.
  Frame delivers(const std::string& from, const Frame& frame, const std::string& to, const Changes& also = {});
  void drops(const std::string& from, const Frame& frame, DropReason reason, const Changes& also = {});
  /// Whether `to` gets it; forgets the rest.
  bool passes(const std::string& from, const Frame& frame, const std::string& to);
  /// The fabric answers it itself, with one frame to who asked.
  Frame answers(const std::string& from, const Frame& frame);

  std::uint64_t ena(const std::string& name, EnaCounter counter) const;
  std::uint64_t conntrack_available(const std::string& name) const;

  static void advance_s(double seconds) { advance_virtual_ns(static_cast<std::uint64_t>(seconds * 1e9)); }

 private:
  struct State;
  void expect_silence(const std::string& but = "");
  std::string change_life(LifeChange change, const std::string& instance);
  std::string apply(const std::function<Result<void>()>& change);

  std::unique_ptr<State> state_;
};

// --- what a packet does to flows, named from its own headers

/// It begins one: `state` such as "tcp-opening tracked-untracked", the sender's end first.
Changes begins(const Frame& frame, const std::string& state);
/// It is one more packet of the flow that `first` began, or an answer in it.
Changes one_more(const Frame& first);
Changes one_answer(const Frame& first);
/// It begins anew a flow of the same name, whose entry had seen that many packets.
Changes replaces(const Frame& first, long long packets);
/// The entry of the flow that `first` began goes: its time is over.
Changes forgets(const Frame& first, const std::string& state, long long packets, long long answers);
/// The flow that `first` began goes from one state to another.
Changes turns(const Frame& first, const std::string& before, const std::string& after);

}  // namespace weft::test
