// Sending and receiving through all eighteen data calls, and what the completions say.
#include "tests/fabric/provider/fixture.hpp"

namespace weft::provider_test {
namespace {

class Message : public ProviderTest {};

constexpr std::uint64_t kTag = 0x1234'5678'9abc'def0;

TEST_F(Message, all_tagged_calls_carry_their_message) {
  connect();
  std::vector<std::uint8_t> sent = pattern(300, 1), got(300);
  iovec out[2] = {{sent.data(), 100}, {sent.data() + 100, 200}};
  iovec in[2] = {{got.data(), 250}, {got.data() + 250, 50}};
  fi_context context_a, context_b;
  fi_msg_tagged message{};
  message.msg_iov = out;
  message.iov_count = 2;
  message.addr = to_b_;
  message.tag = kTag;
  message.context = &context_a;
  message.data = 77;
  fi_msg_tagged request{};
  request.msg_iov = in;
  request.iov_count = 2;
  request.addr = FI_ADDR_UNSPEC;
  request.tag = kTag;
  request.context = &context_b;
  for (int send_call = 0; send_call < 6; ++send_call) {
    for (int receive_call = 0; receive_call < 3; ++receive_call) {
      SCOPED_TRACE(testing::Message() << "send " << send_call << " receive " << receive_call);
      std::fill(got.begin(), got.end(), 0);
      switch (receive_call) {
        case 0: ASSERT_EQ(fi_trecv(b_->ep, got.data(), 300, nullptr, FI_ADDR_UNSPEC, kTag, 0, &context_b), 0); break;
        case 1: ASSERT_EQ(fi_trecvv(b_->ep, in, nullptr, 2, FI_ADDR_UNSPEC, kTag, 0, &context_b), 0); break;
        case 2: ASSERT_EQ(fi_trecvmsg(b_->ep, &request, 0), 0); break;
      }
      const bool completes = send_call != 3 && send_call != 5;
      const bool data = send_call == 2 || send_call >= 4;
      switch (send_call) {
        case 0: ASSERT_EQ(fi_tsend(a_->ep, sent.data(), 300, nullptr, to_b_, kTag, &context_a), 0); break;
        case 1: ASSERT_EQ(fi_tsendv(a_->ep, out, nullptr, 2, to_b_, kTag, &context_a), 0); break;
        case 2: ASSERT_EQ(fi_tsendmsg(a_->ep, &message, FI_REMOTE_CQ_DATA | FI_MORE), 0); break;
        case 3: ASSERT_EQ(fi_tinject(a_->ep, sent.data(), 300, to_b_, kTag), 0); break;
        case 4:
          ASSERT_EQ(fi_tsenddata(a_->ep, sent.data(), 300, nullptr, 77, to_b_, kTag, &context_a), 0);
          break;
        case 5: ASSERT_EQ(fi_tinjectdata(a_->ep, sent.data(), 300, 77, to_b_, kTag), 0);
      }
      const Outcome received = next(*b_);
      ASSERT_EQ(received.error.err, 0);
      EXPECT_EQ(received.entry.op_context, &context_b);
      EXPECT_EQ(received.entry.flags, FI_RECV | FI_TAGGED | (data ? FI_REMOTE_CQ_DATA : 0));
      EXPECT_EQ(received.entry.len, 300u);
      EXPECT_EQ(received.entry.tag, kTag);
      EXPECT_EQ(received.source, to_a_);
      if (data) {
        EXPECT_EQ(received.entry.data, 77u);
      }
      EXPECT_EQ(got, sent);
      if (completes) {
        const Outcome done = next(*a_);
        ASSERT_EQ(done.error.err, 0);
        EXPECT_EQ(done.entry.op_context, &context_a);
        EXPECT_EQ(done.entry.flags, FI_SEND | FI_TAGGED);
      }
    }
  }
  EXPECT_TRUE(quiet(*a_)) << "injected messages complete silently";
}

TEST_F(Message, all_untagged_calls_carry_their_message) {
  connect();
  std::vector<std::uint8_t> sent = pattern(300, 2), got(300);
  iovec out[2] = {{sent.data(), 100}, {sent.data() + 100, 200}};
  iovec in[2] = {{got.data(), 250}, {got.data() + 250, 50}};
  fi_msg message{out, nullptr, 2, to_b_, &sent, 78};
  fi_msg request{in, nullptr, 2, FI_ADDR_UNSPEC, &got, 0};
  for (int send_call = 0; send_call < 6; ++send_call) {
    for (int receive_call = 0; receive_call < 3; ++receive_call) {
      SCOPED_TRACE(testing::Message() << "send " << send_call << " receive " << receive_call);
      std::fill(got.begin(), got.end(), 0);
      switch (receive_call) {
        case 0: ASSERT_EQ(fi_recv(b_->ep, got.data(), 300, nullptr, to_a_, &got), 0); break;
        case 1: ASSERT_EQ(fi_recvv(b_->ep, in, nullptr, 2, FI_ADDR_UNSPEC, &got), 0); break;
        case 2: ASSERT_EQ(fi_recvmsg(b_->ep, &request, 0), 0); break;
      }
      const bool completes = send_call != 3 && send_call != 5;
      const bool data = send_call == 2 || send_call >= 4;
      switch (send_call) {
        case 0: ASSERT_EQ(fi_send(a_->ep, sent.data(), 300, nullptr, to_b_, &sent), 0); break;
        case 1: ASSERT_EQ(fi_sendv(a_->ep, out, nullptr, 2, to_b_, &sent), 0); break;
        case 2: ASSERT_EQ(fi_sendmsg(a_->ep, &message, FI_REMOTE_CQ_DATA), 0); break;
        case 3: ASSERT_EQ(fi_inject(a_->ep, sent.data(), 300, to_b_), 0); break;
        case 4: ASSERT_EQ(fi_senddata(a_->ep, sent.data(), 300, nullptr, 78, to_b_, &sent), 0); break;
        case 5: ASSERT_EQ(fi_injectdata(a_->ep, sent.data(), 300, 78, to_b_), 0);
      }
      const Outcome received = next(*b_);
      ASSERT_EQ(received.error.err, 0);
      EXPECT_EQ(received.entry.flags, FI_RECV | FI_MSG | (data ? FI_REMOTE_CQ_DATA : 0));
      EXPECT_EQ(received.entry.len, 300u);
      if (data) {
        EXPECT_EQ(received.entry.data, 78u);
      }
      EXPECT_EQ(got, sent);
      if (completes) {
        EXPECT_EQ(next(*a_).entry.flags, FI_SEND | FI_MSG);
      }
    }
  }
}

TEST_F(Message, any_size_arrives_whole) {
  connect();
  for (const std::size_t size : {0ul, 1ul, 87ul, 88ul, 89ul, 4096ul, 8928ul, 8929ul, 65536ul, 1000003ul, 4194304ul}) {
    const std::vector<std::uint8_t> sent = pattern(size, static_cast<unsigned>(size));
    std::vector<std::uint8_t> got(size + 1, 0xee);
    ASSERT_EQ(fi_trecv(b_->ep, got.data(), size, nullptr, FI_ADDR_UNSPEC, size, 0, &got), 0);
    ASSERT_EQ(fi_tsend(a_->ep, sent.data(), size, nullptr, to_b_, size, nullptr), 0);
    EXPECT_EQ(next(*b_).entry.len, size);
    EXPECT_EQ(next(*a_).error.err, 0);
    EXPECT_EQ(got.back(), 0xee);
    got.pop_back();
    EXPECT_EQ(got, sent) << size;
  }
}

TEST_F(Message, an_injected_buffer_is_free_at_once) {
  connect();
  char buffer[64];
  char got[64];
  for (int i = 0; i < 100; ++i) {
    std::memset(buffer, i, sizeof buffer);
    until_accepted([&] { return fi_inject(a_->ep, buffer, sizeof buffer, to_b_); });
    std::memset(buffer, 0xff, sizeof buffer);
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
    ASSERT_EQ(next(*b_).error.err, 0);
    EXPECT_EQ(got[0], static_cast<char>(i)) << "order and content";
    EXPECT_EQ(got[63], static_cast<char>(i));
  }
}

TEST_F(Message, larger_than_inject_size_is_refused) {
  connect();
  std::vector<char> buffer(8192);
  EXPECT_EQ(fi_inject(a_->ep, buffer.data(), 4097, to_b_), -FI_EMSGSIZE);
  EXPECT_EQ(fi_tinject(a_->ep, buffer.data(), 4097, to_b_, 1), -FI_EMSGSIZE);
  const iovec iov{buffer.data(), 4097};
  const fi_msg message{&iov, nullptr, 1, to_b_, nullptr, 0};
  EXPECT_EQ(fi_sendmsg(a_->ep, &message, FI_INJECT), -FI_EMSGSIZE);
}

TEST_F(Message, a_bogus_destination_is_an_error_and_not_a_crash) {
  connect();
  char buffer[8] = {};
  EXPECT_EQ(fi_send(a_->ep, buffer, 8, nullptr, 12345, nullptr), -FI_EINVAL);
  EXPECT_EQ(fi_send(a_->ep, buffer, 8, nullptr, FI_ADDR_UNSPEC, nullptr), -FI_EINVAL);
  EXPECT_EQ(fi_inject(a_->ep, buffer, 8, 12345), -FI_EINVAL);
  const iovec many[5] = {};
  EXPECT_EQ(fi_sendv(a_->ep, many, nullptr, 5, to_b_, nullptr), -FI_EINVAL);
  EXPECT_EQ(fi_recvv(a_->ep, many, nullptr, 5, to_b_, nullptr), -FI_EINVAL);
  const fi_msg triggered{nullptr, nullptr, 0, to_b_, nullptr, 0};
  EXPECT_EQ(fi_sendmsg(a_->ep, &triggered, FI_TRIGGER), -FI_EINVAL);
}

TEST_F(Message, ignore_bits_and_sources_select_the_receive) {
  connect();
  char first[8] = {}, second[8] = {}, third[8] = {};
  ASSERT_EQ(fi_trecv(b_->ep, first, 8, nullptr, FI_ADDR_UNSPEC, 0x100, 0x0f, first), 0);   // 0x100-0x10f
  ASSERT_EQ(fi_trecv(b_->ep, second, 8, nullptr, to_a_, 0x200, 0, second), 0);             // from a only
  ASSERT_EQ(fi_trecv(b_->ep, third, 8, nullptr, FI_ADDR_UNSPEC, 0, ~0ull, third), 0);      // any tag
  ASSERT_EQ(fi_tinject(a_->ep, "tag 200", 8, to_b_, 0x200), 0);
  ASSERT_EQ(fi_tinject(a_->ep, "tag 999", 8, to_b_, 0x999), 0);
  ASSERT_EQ(fi_tinject(a_->ep, "tag 105", 8, to_b_, 0x105), 0);
  EXPECT_EQ(next(*b_).entry.op_context, second);
  EXPECT_EQ(next(*b_).entry.op_context, third);
  EXPECT_EQ(next(*b_).entry.op_context, first);
  EXPECT_STREQ(first, "tag 105");
  EXPECT_STREQ(third, "tag 999");
}

TEST_F(Message, truncation_says_how_much_was_lost) {
  connect();
  char small[10];
  int context = 0;
  ASSERT_EQ(fi_trecv(b_->ep, small, sizeof small, nullptr, FI_ADDR_UNSPEC, 1, 0, &context), 0);
  const std::vector<std::uint8_t> sent = pattern(25, 3);
  ASSERT_EQ(fi_tsend(a_->ep, sent.data(), sent.size(), nullptr, to_b_, 1, nullptr), 0);
  const Outcome outcome = next(*b_);
  EXPECT_EQ(outcome.error.err, FI_ETRUNC);
  EXPECT_EQ(outcome.error.op_context, &context);
  EXPECT_EQ(outcome.error.len, 10u);
  EXPECT_EQ(outcome.error.olen, 15u);
  EXPECT_EQ(std::memcmp(small, sent.data(), 10), 0);
  EXPECT_EQ(next(*a_).error.err, 0);
}

TEST_F(Message, cancelled_receives_complete_with_an_error_and_free_the_tag) {
  connect();
  char buffer[8];
  ASSERT_EQ(fi_trecv(b_->ep, buffer, 8, nullptr, FI_ADDR_UNSPEC, 1, 0, &buffer), 0);
  ASSERT_EQ(fi_cancel(&b_->ep->fid, &buffer), 0);
  Outcome outcome = next(*b_);
  EXPECT_EQ(outcome.error.err, FI_ECANCELED);
  EXPECT_EQ(outcome.error.op_context, &buffer);
  EXPECT_EQ(fi_cancel(&b_->ep->fid, &buffer), -FI_ENOENT);
  ASSERT_EQ(fi_recv(b_->ep, buffer, 8, nullptr, FI_ADDR_UNSPEC, &buffer), 0);
  ASSERT_EQ(fi_cancel(&b_->ep->fid, &buffer), 0);
  EXPECT_EQ(next(*b_).error.err, FI_ECANCELED);
}

TEST_F(Message, delivery_complete_waits_for_the_receive) {
  connect({.transmit_flags = FI_DELIVERY_COMPLETE});
  char buffer[64] = "x", got[64];
  ASSERT_EQ(fi_tsend(a_->ep, buffer, sizeof buffer, nullptr, to_b_, 1, &buffer), 0);
  EXPECT_TRUE(quiet(*a_)) << "nothing was posted for it";
  ASSERT_EQ(fi_trecv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, 1, 0, nullptr), 0);
  EXPECT_EQ(next(*b_).error.err, 0);
  EXPECT_EQ(next(*a_).entry.op_context, &buffer);
}

TEST_F(Message, every_completion_level_completes) {
  connect();
  char buffer[64] = "x", got[64];
  const iovec iov{buffer, sizeof buffer};
  const fi_msg message{&iov, nullptr, 1, to_b_, &buffer, 0};
  for (const std::uint64_t flags :
       {FI_INJECT_COMPLETE, FI_TRANSMIT_COMPLETE, FI_DELIVERY_COMPLETE, FI_MATCH_COMPLETE, FI_INJECT}) {
    ASSERT_EQ(fi_recv(b_->ep, got, sizeof got, nullptr, FI_ADDR_UNSPEC, nullptr), 0);
    ASSERT_EQ(fi_sendmsg(a_->ep, &message, flags | FI_COMPLETION), 0);
    EXPECT_EQ(next(*b_).error.err, 0);
    EXPECT_EQ(next(*a_).entry.op_context, &buffer);
  }
}

TEST_F(Message, a_multi_receive_buffer_takes_many_and_is_released_once) {
  connect();
  std::vector<char> area(1000);
  std::size_t minimum = 100;
  ASSERT_EQ(fi_setopt(&b_->ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &minimum, sizeof minimum), 0);
  std::size_t read_back = 0, size = sizeof read_back;
  ASSERT_EQ(fi_getopt(&b_->ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &read_back, &size), 0);
  EXPECT_EQ(read_back, minimum);
  const iovec iov{area.data(), area.size()};
  const fi_msg request{&iov, nullptr, 1, FI_ADDR_UNSPEC, &area, 0};
  ASSERT_EQ(fi_recvmsg(b_->ep, &request, FI_MULTI_RECV), 0);
  char* expected = area.data();
  for (int i = 0;; ++i) {
    char text[200] = {};
    text[0] = static_cast<char>('a' + i);
    until_accepted([&] { return fi_inject(a_->ep, text, sizeof text, to_b_); });
    const Outcome outcome = next(*b_);
    ASSERT_EQ(outcome.error.err, 0);
    EXPECT_EQ(outcome.entry.op_context, &area);
    ASSERT_GE(static_cast<char*>(outcome.entry.buf), expected);
    EXPECT_EQ(*static_cast<char*>(outcome.entry.buf), 'a' + i);
    expected = static_cast<char*>(outcome.entry.buf) + outcome.entry.len;
    ASSERT_LE(expected, area.data() + area.size());
    if ((outcome.entry.flags & FI_MULTI_RECV) != 0) {
      EXPECT_LT(area.data() + area.size() - expected, 100) << "released when less than the minimum is left";
      break;
    }
    ASSERT_LT(i, 5);
  }
}

class Peek : public Message {
 protected:
  void peek(std::uint64_t flags, void* context, std::uint64_t tag = 5) {
    fi_msg_tagged request{};
    request.addr = FI_ADDR_UNSPEC;
    request.tag = tag;
    request.context = context;
    request.msg_iov = &iov_;
    request.iov_count = (flags & FI_CLAIM) != 0 && (flags & FI_PEEK) == 0 ? 1 : 0;
    ASSERT_EQ(fi_trecvmsg(b_->ep, &request, flags), 0);
  }
  // Waits until the message has arrived.
  Outcome peek_until_found(std::uint64_t flags, void* context) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    Outcome outcome;
    do {
      peek(flags, context);
      outcome = next(*b_);
    } while (outcome.error.err == FI_ENOMSG && std::chrono::steady_clock::now() < end);
    return outcome;
  }
  char got_[64] = {};
  iovec iov_{got_, sizeof got_};
};

TEST_F(Peek, finds_nothing_where_nothing_is) {
  connect();
  int context = 0;
  peek(FI_PEEK, &context);
  const Outcome outcome = next(*b_);
  EXPECT_EQ(outcome.error.err, FI_ENOMSG);
  EXPECT_EQ(outcome.error.op_context, &context);
}

TEST_F(Peek, leaves_the_message_for_the_receive) {
  connect();
  int context = 0;
  ASSERT_EQ(fi_tinjectdata(a_->ep, "hello", 6, 99, to_b_, 5), 0);
  const Outcome found = peek_until_found(FI_PEEK, &context);
  ASSERT_EQ(found.error.err, 0);
  EXPECT_EQ(found.entry.len, 6u);
  EXPECT_EQ(found.entry.tag, 5u);
  EXPECT_EQ(found.entry.data, 99u);
  EXPECT_EQ(found.source, to_a_);
  ASSERT_EQ(fi_trecv(b_->ep, got_, sizeof got_, nullptr, FI_ADDR_UNSPEC, 5, 0, nullptr), 0);
  EXPECT_EQ(next(*b_).error.err, 0);
  EXPECT_STREQ(got_, "hello");
}

TEST_F(Peek, a_claimed_message_is_nobody_elses) {
  connect();
  fi_context claimed;
  ASSERT_EQ(fi_tinject(a_->ep, "first", 6, to_b_, 5), 0);
  ASSERT_EQ(fi_tinject(a_->ep, "second", 7, to_b_, 5), 0);
  ASSERT_EQ(peek_until_found(FI_PEEK | FI_CLAIM, &claimed).error.err, 0);
  char other[64] = {};
  ASSERT_EQ(fi_trecv(b_->ep, other, sizeof other, nullptr, FI_ADDR_UNSPEC, 5, 0, nullptr), 0);
  ASSERT_EQ(next(*b_).error.err, 0);
  EXPECT_STREQ(other, "second");
  peek(FI_CLAIM, &claimed);
  const Outcome outcome = next(*b_);
  ASSERT_EQ(outcome.error.err, 0);
  EXPECT_EQ(outcome.entry.op_context, &claimed);
  EXPECT_STREQ(got_, "first");
}

TEST_F(Peek, discard_drops_the_message) {
  connect();
  fi_context context;
  ASSERT_EQ(fi_tinject(a_->ep, "first", 6, to_b_, 5), 0);
  ASSERT_EQ(fi_tinject(a_->ep, "second", 7, to_b_, 5), 0);
  ASSERT_EQ(peek_until_found(FI_PEEK | FI_DISCARD, &context).error.err, 0);
  ASSERT_EQ(peek_until_found(FI_PEEK | FI_CLAIM, &context).error.err, 0);
  peek(FI_CLAIM | FI_DISCARD, &context);
  EXPECT_EQ(next(*b_).error.err, 0);
  peek(FI_PEEK, &context);
  EXPECT_EQ(next(*b_).error.err, FI_ENOMSG);
}

}  // namespace
}  // namespace weft::provider_test
