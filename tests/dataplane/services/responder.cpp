// The services behind a TAP, and nothing else: what clients.py lets real client programs talk to. ARP is answered for
// every address with the router's MAC. With a second argument, a directory, each frame of the guest is kept there, as
// the seed of the fuzzers' corpus.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "dataplane/net/headers.hpp"
#include "tests/dataplane/services/world.hpp"

namespace {

using namespace weft;
using namespace weft::services;

int open_tap(const char* name) {
  const int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  if (tap < 0 || ioctl(tap, TUNSETIFF, &request) != 0) {
    std::perror(name);
    std::exit(1);
  }
  return tap;
}

std::size_t answer_arp(const ServiceView& view, std::span<const std::byte> frame, std::span<std::byte> out) {
  EthernetHeader ethernet;
  ArpHeader arp;
  if (frame.size() < sizeof ethernet + sizeof arp) return 0;
  std::memcpy(&ethernet, frame.data(), sizeof ethernet);
  std::memcpy(&arp, frame.data() + sizeof ethernet, sizeof arp);
  const bool own = arp.target_ip.host() == view.address.value || arp.sender_ip == arp.target_ip;
  if (ethernet.ether_type.host() != kEtherTypeArp || arp.operation.host() != ArpHeader::kRequest || own) return 0;
  ethernet = {ethernet.source, view.router_mac, ethernet.ether_type};
  arp.operation = Be16(ArpHeader::kReply);
  arp.target_mac = std::exchange(arp.sender_mac, view.router_mac);
  std::swap(arp.sender_ip, arp.target_ip);
  std::memcpy(out.data(), &ethernet, sizeof ethernet);
  std::memcpy(out.data() + sizeof ethernet, &arp, sizeof arp);
  return sizeof ethernet + sizeof arp;
}

void keep(const std::string& directory, unsigned number, std::span<const std::byte> frame) {
  const std::string path = directory + "/frame-" + std::to_string(number);
  if (std::FILE* file = std::fopen(path.c_str(), "wb")) {
    std::fwrite(frame.data(), 1, frame.size(), file);
    std::fclose(file);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 1;
  const World world;
  Memory memory(TokenKeys::random());
  const int tap = open_tap(arguments[1]);
  std::puts("ready");
  std::fflush(stdout);
  static std::byte frame[65536], out[65536];
  for (unsigned number = 0;; ++number) {
    const ssize_t length = read(tap, frame, sizeof frame);
    if (length < 0) {
      std::perror("read");
      return 1;
    }
    const std::span<const std::byte> asked(frame, static_cast<std::size_t>(length));
    if (count > 2) keep(arguments[2], number, asked);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto now_ns = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    const Answer said = answer(world.view, asked, {now_ns, now_ns}, memory, out);
    if (said.outcome == Answer::Outcome::kDropped) {
      std::printf("dropped %s\n", std::string(name(said.why)).c_str());
      std::fflush(stdout);
    }
    const std::size_t size = said.outcome == Answer::Outcome::kAnswered   ? said.length
                             : said.outcome == Answer::Outcome::kNotForUs ? answer_arp(world.view, asked, out)
                                                                          : 0;
    if (size > 0 && write(tap, out, size) < 0) std::perror("write");
  }
}
