// What dataplane/services knows of each ENI, made once per snapshot: its view, and the names of the VPC's resolver.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/model/deployment.hpp"
#include "dataplane/services/metadata.hpp"
#include "dataplane/services/name_table.hpp"
#include "dataplane/services/view.hpp"
#include "drivers/port.hpp"

namespace weft {

class ServiceViews {
 public:
  ServiceViews() = default;
  /// Spans of the views point into `deployment`, which must outlive them. `slots` are in flatten_enis()'s order.
  static ServiceViews compile(const Deployment& deployment, const std::vector<EniSlot>& slots, std::size_t slot_count);

  /// Without a lookup for neighbours, which the caller sets.
  const services::ServiceView& of(EniSlot eni) const noexcept { return views_[eni]; }
  services::ServiceView& of(EniSlot eni) noexcept { return views_[eni]; }

 private:
  std::vector<services::ServiceView> views_;       // by slot
  std::vector<std::vector<IpPrefix>> ipv6_prefixes_;  // by slot: of the delegated ones those of IPv6
  std::vector<services::Metadata> metadata_;          // by instance
  std::unique_ptr<const services::NameTable> names_;
};

}  // namespace weft
