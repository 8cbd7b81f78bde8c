// A capture of a Fabric's guests as a test sees it: the records, in the order in which the writer gets them.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/dataplane/worker/fabric.hpp"

namespace weft::test {

/// What a record says. `drop` is the reason's name, empty if the packet was not dropped.
struct Seen {
  std::string who;
  bool out = false;
  Frame bytes;
  std::string drop;
  bool operator==(const Seen&) const = default;
};

inline void PrintTo(const Seen& seen, std::ostream* out) {
  *out << seen.who << (seen.out ? " out " : " in ") << seen.bytes.size() << " bytes ";
  for (std::size_t i = 0; i < std::min<std::size_t>(seen.bytes.size(), 42); ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    *out << kDigits[seen.bytes[i] >> 4] << kDigits[seen.bytes[i] & 15];
  }
  *out << ' ' << seen.drop;
}

inline Seen sent(const std::string& who, const Frame& frame, const std::string& drop = "") {
  return {who, true, frame, drop};
}
inline Seen got(const std::string& who, const Frame& frame, const std::string& drop = "") {
  return {who, false, frame, drop};
}

/// Guests by name, "internet" too; as many of them as the deployment has.
inline CaptureSelection guests_named(std::vector<std::string> names) {
  return [names = std::move(names)](const Deployment& deployment) {
    std::vector<CaptureInterface> chosen;
    for (const std::string& name : names) {
      if (const Instance* instance = deployment.find_instance(name))
        for (const Eni& eni : instance->enis) chosen.push_back({name, "", eni.mac, eni.id});
      if (deployment.internet_gateway && deployment.internet_gateway->guest == name)
        chosen.push_back({name, "", deployment.internet_gateway->mac, deployment.internet_gateway->id});
    }
    return chosen;
  };
}

class Captured {
 public:
  Captured(Fabric& fabric, std::vector<std::string> names, CaptureSession::Options options = {}) : fabric_(fabric) {
    auto started = fabric.engine().start_capture(options, guests_named(std::move(names)));
    if (!started) throw std::runtime_error(started.error().to_string());
    session_ = *started;
  }
  ~Captured() { fabric_.engine().stop_capture(); }

  CaptureSession& session() { return *session_; }

  /// Everything that has come since the last look. Times do not go back.
  std::vector<Seen> take() {
    std::vector<Seen> all;
    CaptureRing* ring = nullptr;
    while (const CaptureRecord* const record = session_->front(ring)) {
      Seen seen;
      seen.who = session_->interfaces_from(record->interface).front().name;
      seen.out = record->direction == CaptureDirection::kOut;
      const auto* const bytes = reinterpret_cast<const std::uint8_t*>(record->bytes());
      seen.bytes.assign(bytes, bytes + record->captured);
      if (record->dropped_for != CaptureRecord::kNotDropped)
        seen.drop = name(static_cast<DropReason>(record->dropped_for));
      EXPECT_GE(record->when_ns, last_ns_);
      last_ns_ = record->when_ns;
      all.push_back(std::move(seen));
      ring->pop();
    }
    EXPECT_EQ(session_->missed(), 0U);
    return all;
  }

 private:
  Fabric& fabric_;
  std::shared_ptr<CaptureSession> session_;
  std::uint64_t last_ns_ = 0;
};

}  // namespace weft::test
