#include "drivers/vhost/queue_pair.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <thread>

#include <rte_vhost.h>

#include "drivers/vhost/features.hpp"

namespace weft {
namespace {

/// Each write of an eventfd is an edge, read or not: nobody has to read the guest's, which may block. (And what
/// closes with the guest is no concern: the descriptor is ours.)
constexpr std::uint32_t kEdges = EPOLLIN | EPOLLET;

int duplicate(int fd) noexcept { return fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }

}  // namespace

void OwnDescriptor::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

/// The worker inside. `in` is false: the gate was closed.
class QueuePair::Visit {
 public:
  explicit Visit(QueuePair& pair) noexcept : pair_(pair) {
    if (!pair_.open_.load(std::memory_order_relaxed)) return;
    pair_.inside_.store(true, std::memory_order_seq_cst);  // pairs with close(): one of the two sees the other
    in = pair_.open_.load(std::memory_order_seq_cst);
    if (!in) pair_.inside_.store(false, std::memory_order_release);
  }
  ~Visit() {
    if (in) pair_.inside_.store(false, std::memory_order_release);
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  bool in = false;

 private:
  QueuePair& pair_;
};

QueuePair::QueuePair(std::uint16_t number)
    : number_(number), epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{.events = kEdges, .data = {}};
  if (epoll_.get() < 0 || wake_event_.get() < 0 ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_event_.get(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "a vhost-user queue's descriptors");
}

void QueuePair::after(Side& side, const Moved& moved) noexcept {
  if (moved.interrupt && side.call.get() >= 0) {
    const std::uint64_t one = 1;
    if (::write(side.call.get(), &one, sizeof one) < 0) return;  // full: the guest has been told already
  }
  if (!moved.broken) return;
  side.broken = true;
  side.ring = std::monostate{};
  link_up_.store(false, std::memory_order_relaxed);
}

std::uint16_t QueuePair::receive(std::span<rte_mbuf*> burst, const FrameRooms& rooms) noexcept {
  const Visit visit(*this);
  if (!visit.in) return 0;
  Moved moved;
  if (auto* const split = std::get_if<SplitRing>(&from_guest_.ring))
    moved = receive_frames(*split, memory_, guest_, rooms, burst);
  else if (auto* const packed = std::get_if<PackedRing>(&from_guest_.ring))
    moved = receive_frames(*packed, memory_, guest_, rooms, burst);
  after(from_guest_, moved);
  return moved.frames;
}

std::uint16_t QueuePair::transmit(std::span<rte_mbuf* const> burst) noexcept {
  const Visit visit(*this);
  if (!visit.in) return 0;
  Moved moved;
  if (auto* const split = std::get_if<SplitRing>(&to_guest_.ring))
    moved = transmit_frames(*split, memory_, guest_, burst);
  else if (auto* const packed = std::get_if<PackedRing>(&to_guest_.ring))
    moved = transmit_frames(*packed, memory_, guest_, burst);
  after(to_guest_, moved);
  return moved.frames;
}

bool QueuePair::arm() noexcept {
  const Visit visit(*this);
  if (!visit.in) return true;  // whoever opens the gate wakes the worker
  const auto quiet = [](auto& ring) {
    ring.want_kicks(true);
    return !ring.anything();
  };
  if (auto* const split = std::get_if<SplitRing>(&from_guest_.ring)) return quiet(*split);
  if (auto* const packed = std::get_if<PackedRing>(&from_guest_.ring)) return quiet(*packed);
  return true;
}

void QueuePair::disarm() noexcept {
  std::array<epoll_event, 4> events;
  while (::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0) == static_cast<int>(events.size()));
  const Visit visit(*this);
  if (!visit.in) return;
  if (auto* const split = std::get_if<SplitRing>(&from_guest_.ring)) split->want_kicks(false);
  if (auto* const packed = std::get_if<PackedRing>(&from_guest_.ring)) packed->want_kicks(false);
}

void QueuePair::wake() noexcept {
  const std::uint64_t one = 1;
  if (::write(wake_event_.get(), &one, sizeof one) < 0) return;  // full: an edge all the same was there before
}

void QueuePair::close(int vid) noexcept {
  if (!open_.exchange(false, std::memory_order_seq_cst)) return;
  while (inside_.load(std::memory_order_seq_cst)) std::this_thread::yield();
  link_up_.store(false, std::memory_order_relaxed);
  save(to_guest_, vid, static_cast<std::uint16_t>(2 * number_));
  save(from_guest_, vid, static_cast<std::uint16_t>(2 * number_ + 1));
}

void QueuePair::open(int vid, std::uint64_t features, bool to_guest, bool from_guest) noexcept {
  close(vid);
  to_guest_.ring = from_guest_.ring = std::monostate{};
  if (!to_guest && !from_guest) return forget_guest();
  guest_ = guest_offloads(features);
  if (!memory_.load(vid)) return;
  if (to_guest) load(to_guest_, vid, static_cast<std::uint16_t>(2 * number_), features);
  if (from_guest) load(from_guest_, vid, static_cast<std::uint16_t>(2 * number_ + 1), features);
  const auto served = [](const Side& side) { return side.ring.index() != 0; };
  link_up_.store(served(to_guest_) && served(from_guest_), std::memory_order_relaxed);
  open_.store(true, std::memory_order_seq_cst);
  wake();  // a worker that sleeps has asked nobody to kick it
}

void QueuePair::forget_guest() noexcept {
  memory_.clear();
  for (Side* const side : {&to_guest_, &from_guest_}) {
    side->ring = std::monostate{};
    side->call.reset();
    side->broken = false;
  }
  watch(-1);
}

void QueuePair::load(Side& side, int vid, std::uint16_t vring, std::uint64_t features) {
  rte_vhost_vring found{};
  RingBase base;
  if (side.broken || rte_vhost_get_vhost_vring(vid, vring, &found) != 0 ||
      rte_vhost_get_vring_base(vid, vring, &base.available, &base.used) != 0)
    return;
  const RingOptions options{.size = found.size,
                            .device_writes = vring % 2 == 0,
                            .event_index = has(features, Feature::kEventIndex)};
  if (has(features, Feature::kRingPacked)) {
    if (auto ring = PackedRing::make(found, memory_, options, base)) side.ring = *ring;
  } else {
    if (auto ring = SplitRing::make(found, memory_, options, base)) side.ring = *ring;
  }
  side.call.reset(duplicate(found.callfd));
  if (side.call.get() >= 0) ::fcntl(side.call.get(), F_SETFL, O_NONBLOCK);
  if (!options.device_writes) watch(found.kickfd);
}

void QueuePair::save(const Side& side, int vid, std::uint16_t vring) noexcept {
  const auto keep = [&](const auto& ring) { rte_vhost_set_vring_base(vid, vring, ring.base().available, ring.base().used); };
  if (const auto* const split = std::get_if<SplitRing>(&side.ring)) keep(*split);
  if (const auto* const packed = std::get_if<PackedRing>(&side.ring)) keep(*packed);
}

/// epoll knows a file by its descriptor too, and rte_vhost closes its own before it says so: hence one of ours.
void QueuePair::watch(int kick_fd) noexcept {
  if (kick_.get() >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, kick_.get(), nullptr);
  kick_.reset(duplicate(kick_fd));
  epoll_event event{.events = kEdges, .data = {}};
  if (kick_.get() >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, kick_.get(), &event);
}

}  // namespace weft
