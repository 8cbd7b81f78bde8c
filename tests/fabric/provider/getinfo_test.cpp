// fi_getinfo: libfabric's rules of checking hints and echoing them (facts fabric 1.5).
#include <functional>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

class GetInfo : public ProviderTest {
 protected:
  GetInfo() { daemon_->enter("node-0"); }
};

const sockaddr_in& source_of(const fi_info& info) { return *static_cast<const sockaddr_in*>(info.src_addr); }

TEST_F(GetInfo, without_hints_shows_the_function_of_this_instance) {
  fi_info* all = nullptr;
  ASSERT_EQ(fi_getinfo(FI_VERSION(1, 17), nullptr, nullptr, 0, nullptr, &all), 0);
  const fi_info* weft = all;
  while (weft != nullptr && std::strcmp(weft->fabric_attr->prov_name, "weft") != 0) weft = weft->next;
  ASSERT_NE(weft, nullptr);
  EXPECT_STREQ(weft->fabric_attr->name, "weft");
  EXPECT_STREQ(weft->domain_attr->name, "weft0-rdm");
  EXPECT_EQ(weft->mode, 0u);
  EXPECT_EQ(weft->domain_attr->mr_mode, 0);
  ASSERT_EQ(weft->src_addrlen, sizeof(sockaddr_in));
  EXPECT_EQ(source_of(*weft).sin_addr.s_addr, htonl(0x0a000101));
  EXPECT_EQ(weft->caps & (FI_RMA | FI_ATOMIC), FI_RMA | FI_ATOMIC);
  ASSERT_NE(weft->nic, nullptr);
  EXPECT_EQ(weft->nic->bus_attr->bus_type, FI_BUS_PCI);
  fi_freeinfo(all);
}

TEST_F(GetInfo, the_nic_is_copied_and_freed_with_the_info) {
  const Info info = get_info(make_hints().get());
  ASSERT_NE(info, nullptr);
  const Info copy(fi_dupinfo(info.get()));
  ASSERT_NE(copy, nullptr);
  ASSERT_NE(copy->nic, info->nic);
  EXPECT_STREQ(copy->nic->device_attr->name, info->nic->device_attr->name);
  EXPECT_NE(copy->nic->device_attr->name, info->nic->device_attr->name);
  EXPECT_STREQ(copy->nic->link_attr->address, info->nic->link_attr->address);
  const std::string text = fi_tostr(info.get(), FI_TYPE_INFO);
  EXPECT_NE(text.find("FI_EP_RDM"), std::string::npos) << "the nic must append to what was printed before it";
  EXPECT_NE(text.find("fi_device_attr"), std::string::npos);
}

TEST_F(GetInfo, each_instance_sees_its_own_address) {
  daemon_->enter("node-1");
  const Info info = get_info(make_hints().get());
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(source_of(*info).sin_addr.s_addr, htonl(0x0a000102));
}

TEST_F(GetInfo, every_subset_of_the_capabilities_is_granted_exactly) {
  const std::uint64_t bits[] = {FI_MSG, FI_TAGGED, FI_SEND, FI_RECV, FI_DIRECTED_RECV, FI_MULTI_RECV, FI_SOURCE,
                                FI_RMA, FI_ATOMIC, FI_WRITE, FI_REMOTE_READ};
  constexpr std::uint64_t kTransmit =
      FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_SEND | FI_READ | FI_WRITE | FI_FENCE;
  constexpr std::uint64_t kReceive = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_RECV | FI_REMOTE_READ |
                                     FI_REMOTE_WRITE | FI_DIRECTED_RECV | FI_SOURCE | FI_MULTI_RECV | FI_RMA_EVENT;
  for (unsigned subset = 1; subset < 1u << std::size(bits); ++subset) {
    Info hints = make_hints();
    for (std::size_t i = 0; i < std::size(bits); ++i) hints->caps |= (subset >> i & 1) != 0 ? bits[i] : 0;
    const Info info = get_info(hints.get());
    ASSERT_NE(info, nullptr) << std::hex << hints->caps;
    EXPECT_EQ(info->caps & hints->caps, hints->caps);
    EXPECT_EQ(info->tx_attr->caps & ~(info->caps & kTransmit), 0u) << std::hex << hints->caps;
    EXPECT_EQ(info->rx_attr->caps & ~(info->caps & kReceive), 0u) << std::hex << hints->caps;
    if ((hints->caps & FI_DIRECTED_RECV) == 0) {
      EXPECT_EQ(info->caps & FI_DIRECTED_RECV, 0u) << "primary: only if asked";
    }
  }
}

TEST_F(GetInfo, what_weft_does_not_have_is_refused) {
  const std::pair<const char*, std::function<void(fi_info&)>> cases[] = {
      {"multicast", [](fi_info& hints) { hints.caps = FI_MSG | FI_MULTICAST; }},
      {"MSG endpoints", [](fi_info& hints) { hints.ep_attr->type = FI_EP_MSG; }},
      {"tags on DGRAM endpoints", [](fi_info& hints) { hints.ep_attr->type = FI_EP_DGRAM, hints.caps = FI_TAGGED; }},
      {"order on DGRAM endpoints",
       [](fi_info& hints) { hints.ep_attr->type = FI_EP_DGRAM, hints.tx_attr->msg_order = FI_ORDER_SAS; }},
      {"another protocol", [](fi_info& hints) { hints.ep_attr->protocol = FI_PROTO_EFA; }},
      {"a later protocol", [](fi_info& hints) { hints.ep_attr->protocol_version = 2; }},
      {"two transmit contexts", [](fi_info& hints) { hints.ep_attr->tx_ctx_cnt = 2; }},
      {"shared receive contexts", [](fi_info& hints) { hints.ep_attr->rx_ctx_cnt = FI_SHARED_CONTEXT; }},
      {"an authorisation key", [](fi_info& hints) { hints.ep_attr->auth_key_size = 4; }},
      {"another address format", [](fi_info& hints) { hints.addr_format = FI_ADDR_EFA; }},
      {"an unknown domain", [](fi_info& hints) { hints.domain_attr->name = strdup("invalid_domain"); }},
      {"an unknown fabric", [](fi_info& hints) { hints.fabric_attr->name = strdup("ethernet"); }},
      {"a later provider", [](fi_info& hints) { hints.fabric_attr->prov_version = FI_VERSION(200, 0); }},
      {"a progress model that nobody has",
       [](fi_info& hints) { hints.domain_attr->data_progress = static_cast<fi_progress>(4); }},
      {"large CQ data", [](fi_info& hints) { hints.domain_attr->cq_data_size = 9; }},
      {"a large inject", [](fi_info& hints) { hints.tx_attr->inject_size = 4097; }},
      {"many iovs", [](fi_info& hints) { hints.tx_attr->iov_limit = 5; }},
      {"many RMA iovs", [](fi_info& hints) { hints.tx_attr->rma_iov_limit = 5; }},
      {"order of large writes", [](fi_info& hints) { hints.ep_attr->max_order_waw_size = 1 << 20; }},
      {"write-after-write order", [](fi_info& hints) { hints.tx_attr->msg_order = FI_ORDER_WAW; }},
      {"strict completion order", [](fi_info& hints) { hints.rx_attr->comp_order = FI_ORDER_STRICT; }},
      {"commit completion", [](fi_info& hints) { hints.tx_attr->op_flags = FI_COMMIT_COMPLETE; }},
      {"a huge queue", [](fi_info& hints) { hints.tx_attr->size = 1u << 20; }},
      {"mixed registration modes",
       [](fi_info& hints) { hints.domain_attr->mr_mode = FI_MR_BASIC | FI_MR_LOCAL; }},
  };
  for (const auto& [what, change] : cases) {
    Info hints = make_hints();
    change(*hints);
    int error = 0;
    get_info(hints.get(), &error);
    EXPECT_EQ(error, -FI_ENODATA) << what;
  }
}

TEST_F(GetInfo, choices_come_back_as_they_were_made) {
  for (const fi_threading threading : {FI_THREAD_SAFE, FI_THREAD_FID, FI_THREAD_DOMAIN, FI_THREAD_COMPLETION,
                                       FI_THREAD_ENDPOINT}) {
    for (const fi_progress progress : {FI_PROGRESS_AUTO, FI_PROGRESS_MANUAL}) {
      for (const fi_av_type type : {FI_AV_MAP, FI_AV_TABLE}) {
        Info hints = make_hints();
        hints->domain_attr->threading = threading;
        hints->domain_attr->control_progress = progress;
        hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
        hints->domain_attr->av_type = type;
        hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
        const Info info = get_info(hints.get());
        ASSERT_NE(info, nullptr);
        EXPECT_EQ(info->domain_attr->threading, threading);
        EXPECT_EQ(info->domain_attr->control_progress, progress);
        EXPECT_EQ(info->domain_attr->av_type, type);
      }
    }
  }
}

TEST_F(GetInfo, sizes_and_flags_are_echoed) {
  Info hints = make_hints();
  hints->tx_attr->inject_size = 100;
  hints->tx_attr->size = 4000;  // more than the default 1024 is fine
  hints->rx_attr->size = 20000;
  hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE | FI_COMPLETION;
  hints->tx_attr->msg_order = hints->rx_attr->msg_order = FI_ORDER_SAS;
  const Info info = get_info(hints.get());
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->tx_attr->inject_size, 100u);
  EXPECT_EQ(info->tx_attr->size, 4000u);
  EXPECT_EQ(info->rx_attr->size, 20000u);
  EXPECT_EQ(info->tx_attr->op_flags, FI_DELIVERY_COMPLETE | FI_COMPLETION);
  EXPECT_EQ(info->rx_attr->op_flags, 0u);
  EXPECT_EQ(info->tx_attr->msg_order & FI_ORDER_SAS, FI_ORDER_SAS);
}

TEST_F(GetInfo, no_registration_mode_is_required_whatever_is_offered) {
  const int bits[] = {FI_MR_LOCAL, FI_MR_VIRT_ADDR, FI_MR_ALLOCATED, FI_MR_PROV_KEY, FI_MR_ENDPOINT, FI_MR_RMA_EVENT};
  for (unsigned subset = 0; subset < 1u << std::size(bits); ++subset) {
    Info hints = make_hints();
    for (std::size_t i = 0; i < std::size(bits); ++i) hints->domain_attr->mr_mode |= (subset >> i & 1) ? bits[i] : 0;
    const Info info = get_info(hints.get());
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(info->domain_attr->mr_mode, 0);
  }
}

TEST_F(GetInfo, old_applications_get_the_mode_they_name) {
  for (const int mode : {FI_MR_BASIC, FI_MR_SCALABLE}) {
    for (const std::uint32_t version : {FI_VERSION(1, 0), FI_VERSION(1, 17)}) {
      Info hints = make_hints();
      hints->domain_attr->mr_mode = mode;
      const Info info = get_info(hints.get(), nullptr, nullptr, nullptr, 0, version);
      ASSERT_NE(info, nullptr);
      EXPECT_EQ(info->domain_attr->mr_mode, mode);
      EXPECT_EQ(info->fabric_attr->api_version, version);
    }
  }
  const Info unspecified = get_info(make_hints().get(), nullptr, nullptr, nullptr, 0, FI_VERSION(1, 0));
  ASSERT_NE(unspecified, nullptr);
  EXPECT_EQ(unspecified->domain_attr->mr_mode, FI_MR_SCALABLE);
}

TEST_F(GetInfo, the_answer_satisfies_itself) {
  const Info first = get_info(make_hints().get());
  ASSERT_NE(first, nullptr);
  const Info again = get_info(first.get());
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->caps, first->caps);
}

TEST_F(GetInfo, open_mpi_mtl_ofi_is_served) {
  Info hints = make_hints();  // ompi_mtl_ofi_component_init, Open MPI 4.1.4
  hints->ep_attr->type = FI_EP_RDM;
  hints->caps = FI_TAGGED | FI_LOCAL_COMM | FI_REMOTE_COMM | FI_DIRECTED_RECV;
  hints->tx_attr->msg_order = hints->rx_attr->msg_order = FI_ORDER_SAS;
  hints->tx_attr->op_flags = hints->rx_attr->op_flags = FI_COMPLETION;
  hints->domain_attr->threading = FI_THREAD_DOMAIN;
  hints->domain_attr->cq_data_size = 4;
  hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
  hints->domain_attr->av_type = FI_AV_MAP;
  EXPECT_NE(get_info(hints.get(), nullptr, nullptr, nullptr, 0, FI_VERSION(1, 5)), nullptr);
}

TEST_F(GetInfo, open_mpi_btl_ofi_is_served) {
  Info hints = make_hints();  // mca_btl_ofi_component_init, Open MPI 4.1.4
  hints->caps = FI_RMA | FI_ATOMIC;
  hints->domain_attr->mr_mode = FI_MR_ALLOCATED | FI_MR_PROV_KEY | FI_MR_VIRT_ADDR;
  hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
  EXPECT_NE(get_info(hints.get()), nullptr);
}

TEST_F(GetInfo, node_and_service_name_the_peer) {
  const Info info = get_info(make_hints().get(), nullptr, "10.0.1.2", "5000");
  ASSERT_NE(info, nullptr);
  ASSERT_NE(info->dest_addr, nullptr);
  const auto& peer = *static_cast<const sockaddr_in*>(info->dest_addr);
  EXPECT_EQ(peer.sin_addr.s_addr, htonl(0x0a000102));
  EXPECT_EQ(ntohs(peer.sin_port), 5000);
  EXPECT_EQ(source_of(*info).sin_addr.s_addr, htonl(0x0a000101));
}

TEST_F(GetInfo, with_fi_source_they_name_the_local_end) {
  const Info service = get_info(make_hints().get(), nullptr, nullptr, "5000", FI_SOURCE);
  ASSERT_NE(service, nullptr);
  EXPECT_EQ(source_of(*service).sin_addr.s_addr, htonl(0x0a000101));
  EXPECT_EQ(ntohs(source_of(*service).sin_port), 5000);
  EXPECT_EQ(service->dest_addr, nullptr);
  int error = 0;
  get_info(make_hints().get(), &error, "10.0.1.2", "5000", FI_SOURCE);
  EXPECT_EQ(error, -FI_ENODATA) << "the other instance's address is not ours";
  get_info(make_hints().get(), &error, nullptr, nullptr, FI_SOURCE);
  EXPECT_NE(error, 0);
}

TEST_F(GetInfo, answers_without_a_daemon_when_asked_by_name) {
  daemon_->kill();
  const Info info = get_info(make_hints().get());
  ASSERT_NE(info, nullptr);
  EXPECT_NE(info->src_addr, nullptr);
  fid_fabric* fabric = nullptr;
  ASSERT_EQ(fi_fabric(info->fabric_attr, &fabric, nullptr), 0);
  fid_domain* domain = nullptr;
  EXPECT_EQ(fi_domain(fabric, info.get(), &domain, nullptr), -FI_ENODEV);
  EXPECT_EQ(fi_close(&fabric->fid), 0);
}

TEST_F(GetInfo, stays_out_of_the_way_of_others_without_a_daemon) {
  daemon_->kill();
  fi_info* all = nullptr;
  ASSERT_EQ(fi_getinfo(FI_VERSION(1, 17), nullptr, nullptr, 0, nullptr, &all), 0);
  for (const fi_info* info = all; info != nullptr; info = info->next)
    EXPECT_STRNE(info->fabric_attr->prov_name, "weft");
  fi_freeinfo(all);
}

}  // namespace
}  // namespace weft::provider_test
