#include "bench/fabric_pair/side.hpp"

#include <rdma/fi_cm.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <rdma/fi_tagged.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fabric_pair {
namespace {

constexpr std::uint64_t kTag = 1, kKey = 7;

void check(const char* call, long result) {
  if (result < 0) fail("%s: %s", call, fi_strerror(static_cast<int>(-result)));
}

}  // namespace

void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::fprintf(stderr, "bench_fabric_pair: %s: ", provider.c_str());
  std::vfprintf(stderr, format, arguments);
  std::fputc('\n', stderr);
  std::_Exit(1);
}

Side::Side(unsigned number) : me(number) {
  fi_info* hints = fi_allocinfo();
  hints->fabric_attr->prov_name = strdup(provider.c_str());
  hints->ep_attr->type = FI_EP_RDM;
  hints->caps = FI_MSG | FI_TAGGED | FI_RMA;
  hints->mode = FI_CONTEXT | FI_CONTEXT2;
  hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
  hints->domain_attr->threading = FI_THREAD_DOMAIN;
  hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
  hints->tx_attr->msg_order = FI_ORDER_SAS;  // as MPI asks
  const char* node = addresses.empty() ? nullptr : addresses[me].c_str();
  check("fi_getinfo", fi_getinfo(FI_VERSION(1, 17), node, nullptr, node != nullptr ? FI_SOURCE : 0, hints, &info_));
  fi_freeinfo(hints);
  check("fi_fabric", fi_fabric(info_->fabric_attr, &fabric_, nullptr));
  check("fi_domain", fi_domain(fabric_, info_, &domain_, nullptr));
  fi_av_attr av{};
  av.type = FI_AV_TABLE;
  check("fi_av_open", fi_av_open(domain_, &av, &av_, nullptr));
  fi_cq_attr cq{};
  cq.format = FI_CQ_FORMAT_CONTEXT;
  cq.wait_obj = FI_WAIT_NONE;
  cq.size = 4 * kWindow;
  check("fi_cq_open", fi_cq_open(domain_, &cq, &cq_, nullptr));
  check("fi_endpoint", fi_endpoint(domain_, info_, &ep_, nullptr));
  check("fi_ep_bind", fi_ep_bind(ep_, &av_->fid, 0));
  check("fi_ep_bind", fi_ep_bind(ep_, &cq_->fid, FI_TRANSMIT | FI_RECV));
  check("fi_enable", fi_enable(ep_));

  for (std::size_t i = 0; i < kLargest; ++i) from[i] = static_cast<char>(i * 7 + i / 256 + me);
  const auto modes = static_cast<unsigned>(info_->domain_attr->mr_mode);
  check("fi_mr_reg", fi_mr_reg(domain_, into.data(), into.size(), FI_REMOTE_READ | FI_REMOTE_WRITE | FI_RECV | FI_READ, 0,
                               kKey, 0, &into_region_, nullptr));
  check("fi_mr_reg", fi_mr_reg(domain_, from.data(), from.size(), FI_REMOTE_READ | FI_SEND | FI_WRITE, 0, kKey + 1, 0,
                               &from_region_, nullptr));
  if ((modes & FI_MR_LOCAL) != 0) {
    into_descriptor_ = fi_mr_desc(into_region_);
    from_descriptor_ = fi_mr_desc(from_region_);
  }
  Shared::End& mine = shared->ends[me];
  mine.length = sizeof mine.name;
  check("fi_getname", fi_getname(&ep_->fid, mine.name, &mine.length));
  mine.base = (modes & FI_MR_VIRT_ADDR) != 0 ? reinterpret_cast<std::uint64_t>(into.data()) : 0;
  mine.key = fi_mr_key(into_region_);
  meet();
  const Shared::End& other = shared->ends[1 - me];
  if (fi_av_insert(av_, other.name, 1, &peer_, 0, nullptr) != 1) fail("fi_av_insert did not take the peer's address");
  peer_base_ = other.base;
  peer_key_ = other.key;
}

Side::~Side() {
  meet();  // nothing of the peer's is under way any more
  fi_close(&ep_->fid);
  fi_close(&from_region_->fid);
  fi_close(&into_region_->fid);
  fi_close(&cq_->fid);
  fi_close(&av_->fid);
  fi_close(&domain_->fid);
  fi_close(&fabric_->fid);
  fi_freeinfo(info_);
}

void Side::drive() {
  fi_cq_entry entries[16];
  const ssize_t count = fi_cq_read(cq_, entries, 16);
  if (count == -FI_EAGAIN) return;
  if (count == -FI_EAVAIL) {
    fi_cq_err_entry error{};
    fi_cq_readerr(cq_, &error, 0);
    fail("an operation failed: %s (%s)", fi_strerror(error.err),
         fi_cq_strerror(cq_, error.prov_errno, error.err_data, nullptr, 0));
  }
  check("fi_cq_read", count);
  const auto begin = reinterpret_cast<std::uintptr_t>(receive_contexts_.data());
  const auto end = begin + receive_contexts_.size() * sizeof(fi_context2);
  for (ssize_t i = 0; i < count; ++i) {
    const auto context = reinterpret_cast<std::uintptr_t>(entries[i].op_context);
    ++(context >= begin && context < end ? received_ : sent_);
  }
}

void Side::meet() {
  const unsigned meeting = shared->ends[me].meetings.fetch_add(1) + 1;
  while (shared->ends[1 - me].meetings.load() < meeting) {
    if (cq_ != nullptr) drive();
  }
}

template <typename Post>
void Side::accepted(const char* call, Post&& post) {
  ssize_t result = post();
  while (result == -FI_EAGAIN) {
    drive();
    result = post();
  }
  check(call, result);
}

void Side::post_receive(std::size_t bytes) {
  fi_context2* context = &receive_contexts_[posted_++ % receive_contexts_.size()];
  accepted("fi_trecv", [&] { return fi_trecv(ep_, into.data(), bytes, into_descriptor_, peer_, kTag, 0, context); });
}

void Side::send(std::size_t bytes) {
  if (bytes <= info_->tx_attr->inject_size) {
    accepted("fi_tinject", [&] { return fi_tinject(ep_, from.data(), bytes, peer_, kTag); });
  } else {
    fi_context2* context = next_context();
    accepted("fi_tsend", [&] { return fi_tsend(ep_, from.data(), bytes, from_descriptor_, peer_, kTag, context); });
  }
}

void Side::write(std::size_t bytes) {
  fi_context2* context = next_context();
  accepted("fi_write", [&] {
    return fi_write(ep_, from.data(), bytes, from_descriptor_, peer_, peer_base_, peer_key_, context);
  });
}

void Side::read(std::size_t bytes) {
  fi_context2* context = next_context();
  accepted("fi_read",
           [&] { return fi_read(ep_, into.data(), bytes, into_descriptor_, peer_, peer_base_, peer_key_, context); });
}

}  // namespace fabric_pair
