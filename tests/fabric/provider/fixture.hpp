// What the provider's tests share: libfabric's public calls against libweft-fi.so (meson sets FI_PROVIDER_PATH) and a
// daemon in this process with two instances, node-0 (10.0.1.1) and node-1 (10.0.1.2).
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "drivers/efa/testing/loopback_daemon.hpp"

namespace weft::provider_test {

struct FreeInfo {
  void operator()(fi_info* info) const { fi_freeinfo(info); }
};
using Info = std::unique_ptr<fi_info, FreeInfo>;

inline Info make_hints() {
  Info hints(fi_allocinfo());
  hints->fabric_attr->prov_name = strdup("weft");
  hints->mode = FI_CONTEXT | FI_CONTEXT2;
  return hints;
}

/// The first answer, or null with *error set.
inline Info get_info(const fi_info* hints, int* error = nullptr, const char* node = nullptr,
                     const char* service = nullptr, std::uint64_t flags = 0,
                     std::uint32_t version = FI_VERSION(1, 17)) {
  fi_info* found = nullptr;
  const int result = fi_getinfo(version, node, service, flags, hints, &found);
  if (error != nullptr) *error = result;
  return Info(result == 0 ? found : nullptr);
}

struct SideOptions {
  std::uint64_t caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_SOURCE;
  fi_cq_format format = FI_CQ_FORMAT_TAGGED;
  std::size_t queue_size = 0;
  fi_wait_obj wait = FI_WAIT_UNSPEC;
  std::uint64_t bind_flags = FI_TRANSMIT | FI_RECV;
  std::uint64_t transmit_flags = 0;
  bool counters = false;
  fi_threading threading = FI_THREAD_SAFE;
  std::size_t transmit_size = 0;
  fi_ep_type type = FI_EP_RDM;
  fi_progress progress = FI_PROGRESS_UNSPEC;  // of data
  int mr_mode = 0;
};

/// One endpoint with everything it needs, in one instance.
class Side {
 public:
  Side(const LoopbackDaemon& daemon, const std::string& instance, const SideOptions& options = {}) {
    daemon.enter(instance);
    Info hints = make_hints();
    hints->caps = options.caps;
    hints->ep_attr->type = options.type;
    hints->domain_attr->threading = options.threading;
    hints->domain_attr->data_progress = options.progress;
    hints->tx_attr->op_flags = options.transmit_flags;
    hints->tx_attr->size = options.transmit_size;
    hints->domain_attr->mr_mode = options.mr_mode;
    info = get_info(hints.get());
    if (info == nullptr) throw std::runtime_error("fi_getinfo has no weft for " + instance);
    check(fi_fabric(info->fabric_attr, &fabric, nullptr));
    check(fi_domain(fabric, info.get(), &domain, nullptr));
    fi_av_attr av_attributes{};
    av_attributes.type = FI_AV_TABLE;
    check(fi_av_open(domain, &av_attributes, &av, nullptr));
    fi_cq_attr cq_attributes{};
    cq_attributes.format = options.format;
    cq_attributes.wait_obj = options.wait;
    cq_attributes.size = options.queue_size;
    check(fi_cq_open(domain, &cq_attributes, &cq, nullptr));
    check(fi_endpoint(domain, info.get(), &ep, nullptr));
    check(fi_ep_bind(ep, &av->fid, 0));
    check(fi_ep_bind(ep, &cq->fid, options.bind_flags));
    if (options.counters) {
      fi_cntr_attr counter_attributes{};
      counter_attributes.wait_obj = FI_WAIT_UNSPEC;
      check(fi_cntr_open(domain, &counter_attributes, &sent, nullptr));
      check(fi_cntr_open(domain, &counter_attributes, &received, nullptr));
      check(fi_ep_bind(ep, &sent->fid, FI_SEND));
      check(fi_ep_bind(ep, &received->fid, FI_RECV));
    }
    check(fi_enable(ep));
    std::size_t size = sizeof name;
    check(fi_getname(&ep->fid, &name, &size));
  }
  ~Side() {
    close(ep);
    close(sent);
    close(received);
    close(cq);
    close(av);
    close(domain);
    close(fabric);
  }
  Side(const Side&) = delete;

  void close_endpoint() {
    EXPECT_EQ(fi_close(&ep->fid), 0);
    ep = nullptr;
  }

  fi_addr_t insert(const Side& peer) {
    fi_addr_t address = FI_ADDR_NOTAVAIL;
    EXPECT_EQ(fi_av_insert(av, &peer.name, 1, &address, 0, nullptr), 1);
    return address;
  }

  Info info;
  fid_fabric* fabric = nullptr;
  fid_domain* domain = nullptr;
  fid_av* av = nullptr;
  fid_cq* cq = nullptr;
  fid_ep* ep = nullptr;
  fid_cntr* sent = nullptr;
  fid_cntr* received = nullptr;
  sockaddr_in name{};

 private:
  static void check(int result) {
    if (result != 0) throw std::runtime_error(std::string("libfabric: ") + fi_strerror(-result));
  }
  template <typename Object>
  static void close(Object* object) {
    if (object != nullptr) {
      EXPECT_EQ(fi_close(&object->fid), 0);
    }
  }
};

class ProviderTest : public testing::Test {
 protected:
  static constexpr auto kPatience = std::chrono::seconds(10);

  ProviderTest()
      : daemon_(std::make_unique<LoopbackDaemon>(
            "/tmp/weft-provider-test-" + std::to_string(getpid()),
            std::vector{LoopbackDaemon::function("node-0", 1), LoopbackDaemon::function("node-1", 2)})) {}

  void connect(const SideOptions& a = {}, const SideOptions& b = {}) {
    a_ = std::make_unique<Side>(*daemon_, "node-0", a);
    b_ = std::make_unique<Side>(*daemon_, "node-1", b);
    to_b_ = a_->insert(*b_);
    to_a_ = b_->insert(*a_);
  }

  /// Reads one completion of `side`, driving the other too. The error is 0, or what fi_cq_readerr said (positive).
  struct Outcome {
    fi_cq_tagged_entry entry{};
    fi_addr_t source = FI_ADDR_NOTAVAIL;
    fi_cq_err_entry error{};
  };
  Outcome next(Side& side) {
    Outcome outcome;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      drive(side);
      const ssize_t result = fi_cq_readfrom(side.cq, &outcome.entry, 1, &outcome.source);
      if (result == 1) return outcome;
      if (result == -FI_EAVAIL) {
        EXPECT_EQ(fi_cq_readerr(side.cq, &outcome.error, 0), 1);
        return outcome;
      }
      EXPECT_EQ(result, -FI_EAGAIN);
    }
    ADD_FAILURE() << "no completion in time";
    outcome.error.err = FI_ETIMEDOUT;
    return outcome;
  }
  bool quiet(Side& side) {
    fi_cq_tagged_entry entry;
    for (int i = 0; i < 200; ++i) {
      drive(side);
      if (fi_cq_read(side.cq, &entry, 1) != -FI_EAGAIN) return false;
    }
    return true;
  }
  /// Calls post() until it is accepted, making progress meanwhile.
  template <typename Post>
  void until_accepted(Post&& post) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    ssize_t result = -FI_EAGAIN;
    while ((result = post()) == -FI_EAGAIN && std::chrono::steady_clock::now() < end) drive_both();
    if (result != 0) throw std::runtime_error(std::string("post: ") + fi_strerror(static_cast<int>(-result)));
  }
  void drive_both() {
    if (a_ != nullptr) fi_cq_read(a_->cq, nullptr, 0);
    if (b_ != nullptr) fi_cq_read(b_->cq, nullptr, 0);
  }
  void drive(Side& except) {
    if (a_ != nullptr && a_.get() != &except) fi_cq_read(a_->cq, nullptr, 0);
    if (b_ != nullptr && b_.get() != &except) fi_cq_read(b_->cq, nullptr, 0);
  }

  std::unique_ptr<LoopbackDaemon> daemon_;
  std::unique_ptr<Side> a_, b_;
  fi_addr_t to_b_ = 0, to_a_ = 0;
};

inline std::vector<std::uint8_t> pattern(std::size_t size, unsigned seed) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8) * 7 + seed);
  return bytes;
}

}  // namespace weft::provider_test
