// fid_av. Map and table alike hand out small indices, which are also the transport's PeerIndex: a bogus fi_addr can
// be checked instead of crashing. An address inserted twice keeps one index and is counted, as libfabric's own do.
#pragma once

#include <netinet/in.h>
#include <rdma/fi_domain.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "fabric/device/queue_pair.hpp"
#include "fabric/provider/domain.hpp"

namespace weft::provider {

class EndpointBase;
class EventQueue;

class AddressVector final : public fid_av {
 public:
  AddressVector(Domain& domain, const fi_av_attr& attributes, void* context);
  ~AddressVector() { domain.children.fetch_sub(1); }

  static AddressVector* of(struct fid* generic) { return from_fid<AddressVector, fid_av>(generic); }
  static AddressVector* of(fid_av* vector) { return static_cast<AddressVector*>(vector); }

  // The libfabric calls.
  int insert(const sockaddr_in* addresses, std::size_t count, fi_addr_t* indices, std::uint64_t flags, void* context);
  int remove(const fi_addr_t* indices, std::size_t count);
  int lookup(fi_addr_t index, void* address, std::size_t* size);
  int bind(struct fid* other, std::uint64_t flags);

  // From endpoints, under the domain's lock.
  void attach(EndpointBase& endpoint);  // an enabled one: learns every address, now and later
  void detach(EndpointBase& endpoint);
  fi_addr_t find(const device::Address& address) const;  // FI_ADDR_NOTAVAIL: nobody inserted it

  Domain& domain;
  int bindings = 0;

 private:
  struct Entry {
    sockaddr_in address{};
    std::uint32_t uses = 0;  // 0: the index is free
  };
  fi_addr_t insert_one(const sockaddr_in& address);

  const bool asynchronous_;  // FI_EVENT: results go to the event queue
  EventQueue* event_queue_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_address_;  // (ip, port) -> index
  std::vector<EndpointBase*> endpoints_;
};

int open_address_vector(fid_domain* domain, fi_av_attr* attributes, fid_av** vector, void* context) noexcept;

// Insertion by name, address_names.cpp.
int insert_service(fid_av* vector, const char* node, const char* service, fi_addr_t* indices, std::uint64_t flags,
                   void* context) noexcept;
int insert_symmetric(fid_av* vector, const char* node, std::size_t node_count, const char* service,
                     std::size_t service_count, fi_addr_t* indices, std::uint64_t flags, void* context) noexcept;

}  // namespace weft::provider
