// An operation that waits behind a fence, with everything it needs copied from the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fabric/rdm/endpoint.hpp"
#include "fabric/rdm/iov.hpp"

namespace weft::provider {

class Deferred {
 public:
  Deferred(const rdm::SendRequest& request, bool fenced);
  Deferred(const rdm::OneSidedRequest& request, bool fenced);
  Deferred(const Deferred&) = delete;  // the requests point into it

  bool is_send() const { return kind_ == rdm::OneSided::kNone; }
  bool fenced() const { return fenced_; }
  rdm::PeerIndex peer() const { return is_send() ? send_.peer : one_sided_.peer; }
  const rdm::SendRequest& send() const { return send_; }
  const rdm::OneSidedRequest& one_sided() const { return one_sided_; }

 private:
  const bool fenced_;
  const rdm::OneSided kind_;
  rdm::SendRequest send_;
  rdm::OneSidedRequest one_sided_;
  rdm::IovList local_, compare_, result_;
  rdm::RemotePiece remote_[rdm::kMaxIov];
  std::vector<std::byte> injected_;
};

}  // namespace weft::provider
