// Rounds of point to point communication.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "tests/mpi/soak.hpp"

namespace weft::mpi_soak {
namespace {

struct Message {
  int from, to, tag;
  std::size_t size;
  std::uint64_t key;
  unsigned how;
};

/// Tags are often equal: such messages of a pair must come in their order.
std::vector<Message> planned(Plan& plan, unsigned most) {
  std::vector<Message> all(1 + below(plan, most));
  for (Message& message : all) {
    message.from = static_cast<int>(below(plan, static_cast<std::uint64_t>(ranks)));
    message.to = static_cast<int>(below(plan, static_cast<std::uint64_t>(ranks)));
    message.tag = static_cast<int>(below(plan, 5));
    message.size = any_size(plan);
    message.key = plan();
    message.how = static_cast<unsigned>(below(plan, 4));
  }
  return all;
}

/// Starts what this rank sends. `data` must live until the requests are done.
void start_sends(const std::vector<Message>& all, MPI_Comm comm, std::vector<std::vector<char>>& data,
                 std::vector<MPI_Request>& requests, bool synchronous = true) {
  for (const Message& message : all) {
    if (message.from != rank) continue;
    std::vector<char>& bytes = data.emplace_back(message.size + 1);
    fill(bytes.data(), message.size, message.key);
    const int size = static_cast<int>(message.size);
    MPI_Request& request = requests.emplace_back(MPI_REQUEST_NULL);
    if (synchronous && message.how == 0) {
      MPI_Issend(bytes.data(), size, MPI_BYTE, message.to, message.tag, comm, &request);
    } else {
      MPI_Isend(bytes.data(), size, MPI_BYTE, message.to, message.tag, comm, &request);
    }
  }
}

void wait_all(std::vector<MPI_Request>& requests) {
  MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

std::vector<Message> of_receiver(const std::vector<Message>& all) {
  std::vector<Message> mine;
  std::copy_if(all.begin(), all.end(), std::back_inserter(mine), [](const Message& m) { return m.to == rank; });
  return mine;
}

bool same_stream(const Message& a, const Message& b) { return a.from == b.from && a.tag == b.tag; }

/// In any order, but that of a stream. `order` seeds it, this rank's own.
std::vector<Message> shuffled(std::vector<Message> messages, std::uint64_t order) {
  std::vector<Message> original = messages;
  Plan own(order);
  std::shuffle(messages.begin(), messages.end(), own);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto next = std::find_if(original.begin(), original.end(),
                                   [&](const Message& m) { return same_stream(m, messages[i]); });
    messages[i] = *next;
    original.erase(next);
  }
  return messages;
}

int count_of(const MPI_Status& status) {
  int count = 0;
  MPI_Get_count(&status, MPI_BYTE, &count);
  return count;
}

}  // namespace

void messages(Plan& plan, MPI_Comm comm) {
  const auto all = planned(plan, 60);
  const std::uint64_t order = plan();
  const bool sends_first = below(plan, 2) == 0;
  const auto mine = shuffled(of_receiver(all), order + static_cast<std::uint64_t>(rank));
  std::vector<std::vector<char>> sent, received;
  sent.reserve(all.size()), received.reserve(all.size());
  std::vector<MPI_Request> sends, receives;
  if (sends_first) start_sends(all, comm, sent, sends);
  for (const Message& message : mine) {
    const std::size_t room = message.size + message.key % 3 * 100;  // a buffer may be longer
    received.emplace_back(room + 1, '\x5a');
    MPI_Irecv(received.back().data(), static_cast<int>(room), MPI_BYTE, message.from, message.tag, comm,
              &receives.emplace_back());
  }
  if (!sends_first) start_sends(all, comm, sent, sends);
  for (std::size_t done = 0; done < mine.size(); ++done) {
    int index = 0;
    MPI_Status status;
    MPI_Waitany(static_cast<int>(receives.size()), receives.data(), &index, &status);
    const Message& message = mine[static_cast<std::size_t>(index)];
    const auto& bytes = received[static_cast<std::size_t>(index)];
    CHECK(count_of(status) == static_cast<int>(message.size));
    CHECK(status.MPI_SOURCE == message.from && status.MPI_TAG == message.tag);
    CHECK(is_filled(bytes.data(), message.size, message.key));
    CHECK(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(message.size), bytes.end(),
                      [](char c) { return c == '\x5a'; }));
  }
  wait_all(sends);
}

void wildcards(Plan& plan, MPI_Comm comm) {
  const auto all = planned(plan, 40);
  const bool any_tag = below(plan, 2) == 0;
  auto mine = of_receiver(all);
  std::vector<std::vector<char>> sent;
  sent.reserve(all.size());
  std::vector<MPI_Request> sends;
  start_sends(all, comm, sent, sends);
  std::vector<char> bytes(3'000'001);
  while (!mine.empty()) {
    MPI_Status status;
    const int tag = any_tag ? MPI_ANY_TAG : mine[0].tag;
    MPI_Recv(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, MPI_ANY_SOURCE, tag, comm, &status);
    // The first of its stream that has not come yet.
    const auto found = std::find_if(mine.begin(), mine.end(), [&](const Message& m) {
      return m.from == status.MPI_SOURCE && m.tag == status.MPI_TAG;
    });
    CHECK(found != mine.end());
    CHECK(count_of(status) == static_cast<int>(found->size));
    CHECK(is_filled(bytes.data(), found->size, found->key));
    mine.erase(found);
  }
  wait_all(sends);
  MPI_Barrier(comm);  // two rounds on, the same communicator has other messages
}

void probes(Plan& plan, MPI_Comm comm) {
  const auto all = planned(plan, 20);
  auto mine = of_receiver(all);
  std::vector<std::vector<char>> sent;
  sent.reserve(all.size());
  std::vector<MPI_Request> sends;
  // Open MPI 4.1.4 never tells a synchronous sender that its message was received by MPI_Mrecv (mtl/ofi).
  start_sends(all, comm, sent, sends, false);
  std::vector<char> bytes(3'000'001);
  while (!mine.empty()) {
    const unsigned how = mine[0].how;
    const int source = how % 2 == 0 ? MPI_ANY_SOURCE : mine[0].from, tag = how % 2 == 0 ? MPI_ANY_TAG : mine[0].tag;
    MPI_Status status;
    MPI_Message message = MPI_MESSAGE_NULL;
    int there = 0;
    switch (how) {
      case 0: MPI_Probe(source, tag, comm, &status); break;
      case 1: while (there == 0) MPI_Iprobe(source, tag, comm, &there, &status); break;
      case 2: MPI_Mprobe(source, tag, comm, &message, &status); break;
      default: while (there == 0) MPI_Improbe(source, tag, comm, &there, &message, &status); break;
    }
    const auto found = std::find_if(mine.begin(), mine.end(), [&](const Message& m) {
      return m.from == status.MPI_SOURCE && m.tag == status.MPI_TAG;
    });
    CHECK(found != mine.end());
    CHECK(count_of(status) == static_cast<int>(found->size));
    const int size = static_cast<int>(found->size);
    if (message == MPI_MESSAGE_NULL) {
      MPI_Recv(bytes.data(), size, MPI_BYTE, found->from, found->tag, comm, &status);
    } else {
      MPI_Mrecv(bytes.data(), size, MPI_BYTE, &message, &status);
    }
    CHECK(count_of(status) == size);
    CHECK(is_filled(bytes.data(), found->size, found->key));
    mine.erase(found);
  }
  wait_all(sends);
  MPI_Barrier(comm);
}

void cancels(Plan& plan, MPI_Comm comm) {
  const auto all = planned(plan, 10);
  const std::size_t extra = 1 + below(plan, 20);
  constexpr int kNobodys = 99;
  std::vector<char> unused(1000, '\x5a');
  std::vector<MPI_Request> taken_back(extra);
  for (MPI_Request& request : taken_back)
    MPI_Irecv(unused.data(), 1000, MPI_BYTE, MPI_ANY_SOURCE, kNobodys, comm, &request);
  std::vector<std::vector<char>> sent, received;
  sent.reserve(all.size()), received.reserve(all.size());
  std::vector<MPI_Request> sends, receives;
  const auto mine = of_receiver(all);
  for (const Message& message : mine) {
    received.emplace_back(message.size + 1);
    MPI_Irecv(received.back().data(), static_cast<int>(message.size), MPI_BYTE, message.from, message.tag, comm,
              &receives.emplace_back());
  }
  start_sends(all, comm, sent, sends);
  for (MPI_Request& request : taken_back) {
    MPI_Cancel(&request);
    MPI_Status status;
    MPI_Wait(&request, &status);
    int cancelled = 0;
    MPI_Test_cancelled(&status, &cancelled);
    CHECK(cancelled != 0);
  }
  wait_all(receives);
  for (std::size_t i = 0; i < mine.size(); ++i) CHECK(is_filled(received[i].data(), mine[i].size, mine[i].key));
  CHECK(std::all_of(unused.begin(), unused.end(), [](char c) { return c == '\x5a'; }));
  wait_all(sends);
}

void types(Plan& plan, MPI_Comm comm) {
  const int count = static_cast<int>(1 + below(plan, 400)), block = static_cast<int>(1 + below(plan, 40));
  const int stride = block + static_cast<int>(below(plan, 30));
  const bool sender_has_type = below(plan, 2) == 0, receiver_has_type = below(plan, 2) == 0;
  const std::uint64_t key = plan();
  const int shift = static_cast<int>(1 + below(plan, static_cast<std::uint64_t>(ranks)));
  const int to = (rank + shift) % ranks, from = (rank - shift % ranks + ranks) % ranks;
  MPI_Datatype type;
  MPI_Type_vector(count, block, stride, MPI_BYTE, &type);
  MPI_Type_commit(&type);
  const auto extent = static_cast<std::size_t>(count) * static_cast<std::size_t>(stride);
  const auto size = static_cast<std::size_t>(count) * static_cast<std::size_t>(block);
  std::vector<char> packed(size), spread(extent, '\x11'), received(extent, '\x22');
  fill(packed.data(), size, key + static_cast<std::uint64_t>(rank));
  const auto at = [&](int i) { return static_cast<std::ptrdiff_t>(i) * stride; };
  for (int i = 0; i < count; ++i)
    std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(i) * block, block, spread.begin() + at(i));
  MPI_Sendrecv(sender_has_type ? spread.data() : packed.data(), sender_has_type ? 1 : static_cast<int>(size),
               sender_has_type ? type : MPI_BYTE, to, 1, received.data(), receiver_has_type ? 1 : static_cast<int>(size),
               receiver_has_type ? type : MPI_BYTE, from, 1, comm, MPI_STATUS_IGNORE);
  std::vector<char> expected(extent, '\x22'), theirs(size);
  fill(theirs.data(), size, key + static_cast<std::uint64_t>(from));
  for (int i = 0; receiver_has_type && i < count; ++i)
    std::copy_n(theirs.begin() + static_cast<std::ptrdiff_t>(i) * block, block, expected.begin() + at(i));
  if (!receiver_has_type) std::copy(theirs.begin(), theirs.end(), expected.begin());
  CHECK(received == expected);
  MPI_Type_free(&type);
}

void persistent(Plan& plan, MPI_Comm comm) {
  const std::size_t size = any_size(plan) % 100'000;
  const std::uint64_t key = plan();
  const unsigned times = 1 + static_cast<unsigned>(below(plan, 20));
  const int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;
  std::vector<char> from(size + 1), into(size + 1);
  MPI_Request requests[2];
  MPI_Recv_init(into.data(), static_cast<int>(size), MPI_BYTE, left, 1, comm, &requests[0]);
  MPI_Send_init(from.data(), static_cast<int>(size), MPI_BYTE, right, 1, comm, &requests[1]);
  for (unsigned i = 0; i < times; ++i) {
    fill(from.data(), size, key + i * 64 + static_cast<unsigned>(rank));
    MPI_Startall(2, requests);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    CHECK(is_filled(into.data(), size, key + i * 64 + static_cast<unsigned>(left)));
  }
  for (MPI_Request& request : requests) MPI_Request_free(&request);
}

}  // namespace weft::mpi_soak
