// Address vectors and event queues.
#include <poll.h>

#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

sockaddr_in address(std::uint32_t ip, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(ip);
  result.sin_port = htons(port);
  return result;
}

class AddressVector : public ProviderTest {
 protected:
  AddressVector() { a_ = std::make_unique<Side>(*daemon_, "node-0"); }

  fid_av* open(fi_av_type type, std::uint64_t flags = 0) {
    fi_av_attr attributes{};
    attributes.type = type;
    attributes.flags = flags;
    fid_av* av = nullptr;
    EXPECT_EQ(fi_av_open(a_->domain, &attributes, &av, nullptr), 0);
    return av;
  }
};

TEST_F(AddressVector, both_types_give_indices_that_look_up_again) {
  for (const fi_av_type type : {FI_AV_MAP, FI_AV_TABLE}) {
    fid_av* av = open(type);
    sockaddr_in addresses[10];
    for (std::uint16_t i = 0; i < 10; ++i) addresses[i] = address(0x0a000105u + i, 100 + i);
    fi_addr_t indices[10];
    ASSERT_EQ(fi_av_insert(av, addresses, 10, indices, 0, nullptr), 10);
    for (std::uint16_t i = 0; i < 10; ++i) {
      EXPECT_EQ(indices[i], i);
      sockaddr_in found{};
      std::size_t size = sizeof found;
      ASSERT_EQ(fi_av_lookup(av, indices[i], &found, &size), 0);
      EXPECT_EQ(size, sizeof found);
      EXPECT_EQ(std::memcmp(&found, &addresses[i], sizeof found), 0);
    }
    EXPECT_EQ(fi_close(&av->fid), 0);
  }
}

TEST_F(AddressVector, an_address_inserted_twice_is_one_and_goes_with_the_second_removal) {
  fid_av* av = open(FI_AV_TABLE);
  const sockaddr_in one = address(0x0a000105, 100);
  fi_addr_t first = 0, second = 1;
  ASSERT_EQ(fi_av_insert(av, &one, 1, &first, 0, nullptr), 1);
  ASSERT_EQ(fi_av_insert(av, &one, 1, &second, 0, nullptr), 1);
  EXPECT_EQ(first, second);
  ASSERT_EQ(fi_av_remove(av, &first, 1, 0), 0);
  sockaddr_in found{};
  std::size_t size = sizeof found;
  EXPECT_EQ(fi_av_lookup(av, first, &found, &size), 0);
  ASSERT_EQ(fi_av_remove(av, &first, 1, 0), 0);
  EXPECT_EQ(fi_av_lookup(av, first, &found, &size), -FI_EINVAL);
  EXPECT_EQ(fi_av_remove(av, &first, 1, 0), -FI_EINVAL);
  EXPECT_EQ(fi_close(&av->fid), 0);
}

TEST_F(AddressVector, bad_addresses_fail_one_by_one) {
  fid_av* av = open(FI_AV_MAP);
  const sockaddr_in addresses[] = {address(0x0a000105, 100), address(0, 100), address(0x0a000106, 0)};
  fi_addr_t indices[3];
  EXPECT_EQ(fi_av_insert(av, addresses, 3, indices, 0, nullptr), 1);
  EXPECT_NE(indices[0], FI_ADDR_NOTAVAIL);
  EXPECT_EQ(indices[1], FI_ADDR_NOTAVAIL);
  EXPECT_EQ(indices[2], FI_ADDR_NOTAVAIL);
  int errors[3] = {-1, -1, -1};
  EXPECT_EQ(fi_av_insert(av, addresses, 3, nullptr, FI_SYNC_ERR, errors), 1);
  EXPECT_EQ(errors[0], 0);
  EXPECT_EQ(errors[1], FI_EADDRNOTAVAIL);
  EXPECT_EQ(errors[2], FI_EADDRNOTAVAIL);
  EXPECT_EQ(fi_close(&av->fid), 0);
}

TEST_F(AddressVector, names_resolve_and_count_up) {
  fid_av* av = open(FI_AV_TABLE);
  fi_addr_t indices[4];
  ASSERT_EQ(fi_av_insertsvc(av, "10.0.1.9", "77", indices, 0, nullptr), 1);
  ASSERT_EQ(fi_av_insertsym(av, "10.0.1.20", 2, "500", 2, indices, 0, nullptr), 4);
  const sockaddr_in expected[] = {address(0x0a000114, 500), address(0x0a000114, 501), address(0x0a000115, 500),
                                  address(0x0a000115, 501)};
  for (int i = 0; i < 4; ++i) {
    sockaddr_in found{};
    std::size_t size = sizeof found;
    ASSERT_EQ(fi_av_lookup(av, indices[i], &found, &size), 0);
    EXPECT_EQ(std::memcmp(&found, &expected[i], sizeof found), 0) << i;
  }
  EXPECT_EQ(fi_av_insertsvc(av, "no.such.host.invalid", "77", indices, 0, nullptr), 0);
  EXPECT_EQ(indices[0], FI_ADDR_NOTAVAIL);
  EXPECT_EQ(fi_close(&av->fid), 0);
}

TEST_F(AddressVector, prints_addresses_as_libfabric_does) {
  const sockaddr_in one = address(0x0a000105, 49152);
  char text[64];
  std::size_t size = sizeof text;
  EXPECT_STREQ(fi_av_straddr(a_->av, &one, text, &size), "fi_sockaddr_in://10.0.1.5:49152");
  EXPECT_EQ(size, std::strlen(text) + 1);
}

TEST_F(AddressVector, asynchronous_insertion_reports_through_the_event_queue) {
  fid_av* av = open(FI_AV_MAP, FI_EVENT);
  const sockaddr_in addresses[] = {address(0x0a000105, 100), address(0, 100)};
  fi_addr_t indices[2];
  int context = 0;
  EXPECT_EQ(fi_av_insert(av, addresses, 2, indices, 0, &context), -FI_ENOEQ);
  fi_eq_attr attributes{};
  attributes.wait_obj = FI_WAIT_UNSPEC;
  fid_eq* eq = nullptr;
  ASSERT_EQ(fi_eq_open(a_->fabric, &attributes, &eq, nullptr), 0);
  ASSERT_EQ(fi_av_bind(av, &eq->fid, 0), 0);
  ASSERT_EQ(fi_av_insert(av, addresses, 2, indices, 0, &context), 0);
  std::uint32_t event = 0;
  fi_eq_entry entry{};
  ASSERT_EQ(fi_eq_sread(eq, &event, &entry, sizeof entry, 1000, 0), -FI_EAVAIL) << "the failure comes first";
  fi_eq_err_entry error{};
  ASSERT_GT(fi_eq_readerr(eq, &error, 0), 0);
  EXPECT_EQ(error.err, FI_EADDRNOTAVAIL);
  EXPECT_EQ(error.data, 1u);
  EXPECT_EQ(error.context, &context);
  ASSERT_EQ(fi_eq_read(eq, &event, &entry, sizeof entry, 0), static_cast<ssize_t>(sizeof entry));
  EXPECT_EQ(event, FI_AV_COMPLETE);
  EXPECT_EQ(entry.fid, &av->fid);
  EXPECT_EQ(entry.context, &context);
  EXPECT_EQ(entry.data, 1u);
  EXPECT_EQ(fi_close(&av->fid), 0);
  EXPECT_EQ(fi_close(&eq->fid), 0);
}

TEST_F(AddressVector, a_vector_in_use_stays) { EXPECT_EQ(fi_close(&a_->av->fid), -FI_EBUSY); }

TEST_F(AddressVector, shared_vectors_are_refused_cleanly) {
  fi_av_attr attributes{};
  attributes.type = FI_AV_MAP;
  attributes.name = "shared";
  fid_av* av = nullptr;
  EXPECT_EQ(fi_av_open(a_->domain, &attributes, &av, nullptr), -FI_ENOSYS);
}

TEST_F(AddressVector, event_queues_keep_order_peek_and_wake_a_descriptor) {
  fi_eq_attr attributes{};
  attributes.wait_obj = FI_WAIT_FD;
  fid_eq* eq = nullptr;
  ASSERT_EQ(fi_eq_open(a_->fabric, &attributes, &eq, nullptr), 0);
  int descriptor = -1;
  ASSERT_EQ(fi_control(&eq->fid, FI_GETWAIT, &descriptor), 0);
  pollfd waiting{descriptor, POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 0), 0);
  fid* objects[] = {&eq->fid};
  EXPECT_EQ(fi_trywait(a_->fabric, objects, 1), 0);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const fi_eq_entry entry{&eq->fid, nullptr, i};
    ASSERT_EQ(fi_eq_write(eq, FI_NOTIFY, &entry, sizeof entry, 0), static_cast<ssize_t>(sizeof entry));
  }
  EXPECT_EQ(poll(&waiting, 1, 0), 1);
  EXPECT_EQ(fi_trywait(a_->fabric, objects, 1), -FI_EAGAIN);
  std::uint32_t event = 0;
  fi_eq_entry entry{};
  EXPECT_EQ(fi_eq_read(eq, &event, &entry, 1, 0), -FI_ETOOSMALL);
  ASSERT_GT(fi_eq_read(eq, &event, &entry, sizeof entry, FI_PEEK), 0);
  for (std::uint64_t i = 0; i < 3; ++i) {
    ASSERT_GT(fi_eq_read(eq, &event, &entry, sizeof entry, 0), 0);
    EXPECT_EQ(event, FI_NOTIFY);
    EXPECT_EQ(entry.data, i);
  }
  EXPECT_EQ(poll(&waiting, 1, 0), 0);
  EXPECT_EQ(fi_eq_read(eq, &event, &entry, sizeof entry, 0), -FI_EAGAIN);
  EXPECT_EQ(fi_eq_sread(eq, &event, &entry, sizeof entry, 10, 0), -FI_EAGAIN);
  fi_eq_err_entry error{};
  EXPECT_EQ(fi_eq_readerr(eq, &error, 0), -FI_EAGAIN);
  EXPECT_EQ(fi_close(&eq->fid), 0);
}

}  // namespace
}  // namespace weft::provider_test
