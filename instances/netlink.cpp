#include "instances/netlink.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "instances/system_error.hpp"

namespace weft::holder {

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> fixed_header) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  const auto raw = std::as_bytes(std::span(&header, 1));
  bytes_.assign(raw.begin(), raw.end());
  bytes_.insert(bytes_.end(), fixed_header.begin(), fixed_header.end());
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

NetlinkRequest& NetlinkRequest::attribute(std::uint16_t type, std::span<const std::byte> value) {
  rtattr header{};
  header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
  header.rta_type = type;
  const auto raw = std::as_bytes(std::span(&header, 1));
  bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  bytes_.resize(RTA_ALIGN(bytes_.size()));
  return *this;
}

NetlinkRequest& NetlinkRequest::attribute(std::uint16_t type, std::uint32_t value) {
  return attribute(type, std::as_bytes(std::span(&value, 1)));
}

std::span<const std::byte> NetlinkRequest::bytes() {
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
  return bytes_;
}

Result<Netlink> Netlink::open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return system_error("cannot open rtnetlink");
  return Netlink(std::move(socket));
}

Result<void> Netlink::apply(const std::string& step, NetlinkRequest request, int as_good_as_done) {
  const auto bytes = request.bytes();
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) return system_error("cannot " + step);

  alignas(nlmsghdr) std::array<char, 4096> answer{};
  const ssize_t n = ::recv(socket_.get(), answer.data(), answer.size(), 0);
  if (n < 0) return system_error("cannot " + step);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (static_cast<std::size_t>(n) < NLMSG_LENGTH(sizeof(nlmsgerr)) || header->nlmsg_type != NLMSG_ERROR)
    return holder_error("cannot " + step + ": rtnetlink gave no answer");
  errno = -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
  if (errno != 0 && errno != as_good_as_done) return system_error("cannot " + step);
  return {};
}

}  // namespace weft::holder
