#include "drivers/ethdev/probe.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_pci.h>

#include "drivers/ethdev/ring_frame.hpp"
#include "drivers/ethdev/wake_descriptor.hpp"

namespace weft::ethdev {
namespace {

std::string name_of(const std::string& devargs) { return devargs.substr(0, devargs.find(',')); }

/// DPDK tells virtual devices apart by the number behind the driver's name.
std::string with_number(const std::string& devargs) {
  static std::atomic<unsigned> next{0};
  const std::string name = name_of(devargs);
  if (!name.empty() && std::isdigit(static_cast<unsigned char>(name.back())) != 0) return devargs;
  std::string numbered;
  std::uint16_t port;
  do {
    numbered = name + "_weft" + std::to_string(next++);
  } while (rte_eth_dev_get_port_by_name(numbered.c_str(), &port) == 0);
  return numbered + devargs.substr(name.size());
}

void add_argument(std::string& devargs, const std::string& key, const std::string& value) {
  if (!device_argument(devargs, key)) devargs += "," + key + "=" + value;
}

Result<void> take(ProbePlan& plan, const std::string& wire) {
  plan.claim = Claim::take(wire);
  if (plan.claim) return {};
  return Error{"ResourceInUse", wire + " is another ENI's port already: give each ENI a wire of its own", {}};
}

/// af_packet and af_xdp.
Result<void> plan_interface(ProbePlan& plan, std::uint16_t queues) {
  const bool xdp = plan.kind == WireKind::kXdpSocket;
  const std::optional<std::string> name = device_argument(plan.devargs, "iface");
  if (!name || name->empty())
    return port_failed("\"" + plan.device + "\" names no interface: write \"" + name_of(plan.device) + ",iface=eth1\"");
  plan.interface = KernelInterface::find(*name);
  if (!plan.interface)
    return port_failed("\"" + plan.device + "\": there is no interface " + *name + " in weftd's network namespace; "
                       "\"ip link\" there lists them");
  if (!may_open_packet_sockets())
    return port_failed("\"" + plan.device + "\": weftd may not open packet sockets on " + *name +
                       " (CAP_NET_RAW): run weftd as root");
  if (auto taken = take(plan, "interface " + *name); !taken) return taken.error();
  plan.mtu = std::min(plan.mtu, plan.interface->mtu());
  if (xdp) {
    if (const unsigned channels = plan.interface->channels(); queues > channels)
      return Error{"InvalidParameterValue",
                   "\"" + plan.device + "\": " + *name + " has " + std::to_string(channels) +
                       (channels == 1 ? " channel" : " channels") + " (\"ethtool -l " + *name +
                       "\"), and queues: " + std::to_string(queues) +
                       " are asked for; \"ethtool -L " + *name + " combined " + std::to_string(queues) +
                       "\" makes them where its driver can (veth cannot)",
                   {}};
    add_argument(plan.devargs, "queue_count", std::to_string(queues));
    // The PMD's busy polling asks the kernel at every look that finds nothing. A card needs it: without, the PMD waits up to
    // a second for a driver that has run out of buffers. Software's drivers have no such state.
    if (!plan.interface->is_hardware()) add_argument(plan.devargs, "busy_budget", "0");
    return {};
  }
  add_argument(plan.devargs, "qpairs", std::to_string(queues));
  const RingFrame frame = ring_frame_for(plan.mtu);
  add_argument(plan.devargs, "framesz", std::to_string(frame.bytes));
  add_argument(plan.devargs, "blocksz", std::to_string(frame.block_bytes));
  const std::string bytes = *device_argument(plan.devargs, "framesz");
  plan.ring_frame = static_cast<std::uint32_t>(std::strtoul(bytes.c_str(), nullptr, 10));
  if (plan.ring_frame < kLeastRingFrame || plan.ring_frame > kMostRingFrame)
    return port_failed("\"" + plan.device + "\": framesz is " + bytes + ", which must be " + std::to_string(kLeastRingFrame) +
                       " to " + std::to_string(kMostRingFrame) + "; without it, weftd takes what the MTU needs");
  plan.mtu = std::min(plan.mtu, ring_frame_mtu(plan.ring_frame));
  return {};
}

/// A daemon that died leaves its socket behind, and nobody can listen there until it is removed. False: somebody listens.
/// Never asked of a socket of this process: the PMD does not bear a peer that connects and goes.
bool remove_dead_socket(const std::string& path) {
  struct stat status{};
  sockaddr_un at{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return true;
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (socket < 0) return true;
  const bool answered = ::connect(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  if (!answered && errno == ECONNREFUSED) ::unlink(path.c_str());
  ::close(socket);
  return !answered;
}

Result<void> plan_memif(ProbePlan& plan, const PortBackend& backend) {
  const std::string& socket = backend.socket;
  if (socket.empty() || socket.front() != '/' || socket.size() >= sizeof(sockaddr_un::sun_path) ||
      socket.find_first_of(",=[]\" ") != std::string::npos)
    return Error{"InvalidParameterValue",
                 "memif: socket \"" + socket + "\" must be an absolute path of at most " +
                     std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " characters without , = [ ] \" and spaces",
                 {}};
  const std::filesystem::path folder = std::filesystem::path(socket).parent_path();
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    return port_failed("memif: there is no folder " + folder.string() + " for the socket " + socket);
  plan.device = "memif " + socket + " id " + std::to_string(backend.id);
  if (auto taken = take(plan, plan.device); !taken) return taken.error();
  if (backend.server) {
    if (::access(folder.c_str(), W_OK) != 0)
      return port_failed("memif: weftd may not make the socket " + socket + ": " + std::strerror(errno));
    plan.listener = std::make_unique<ListenerShare>(socket);
    if (plan.listener->only_one() && !remove_dead_socket(socket))
      return Error{"ResourceInUse",
                   "memif: another process listens at " + socket + ": use another socket, or mode: client to connect there",
                   {}};
  }
  plan.socket = socket;
  plan.connects = !backend.server;
  plan.devargs = with_number("net_memif,role=" + std::string(backend.server ? "server" : "client") + ",id=" +
                             std::to_string(backend.id) + ",socket=" + socket + ",socket-abstract=no");
  return {};
}

Result<void> plan_card(ProbePlan& plan) {
  rte_pci_addr address{};
  rte_pci_addr_parse(plan.name.c_str(), &address);
  char canonical[PCI_PRI_STR_SIZE];
  rte_pci_device_name(&address, canonical, sizeof canonical);
  plan.devargs.replace(0, plan.name.size(), canonical);  // 03:00.0 is 0000:03:00.0
  plan.device = plan.devargs;
  plan.name = canonical;
  if (rte_eal_has_pci() == 0)
    return port_failed(plan.device + " is a PCI device, and weftd was started without them: start it with \"weftd --pci " +
                       plan.name + "\"");
  if (auto why = why_not_pci(plan.name, "/sys")) return port_failed(*why);
  return take(plan, plan.name);
}

Result<void> plan_virtual(ProbePlan& plan, std::uint16_t queues) {
  rte_devargs parsed{};
  const bool known = plan.name.starts_with("net_") && rte_devargs_parse(&parsed, plan.devargs.c_str()) == 0;
  std::free(parsed.data);
  if (!known)
    return port_failed("\"" + plan.device + "\" is no device: write a PCI address (\"0000:03:00.0\") or a virtual device of "
                       "DPDK with its arguments (\"net_af_packet,iface=eth1\", net_af_xdp, net_pcap, net_ring, net_null, "
                       "net_tap); a driver is missing if it is not in /usr/lib/*/dpdk/pmds-*");
  if (plan.name.starts_with("net_af_packet")) plan.kind = WireKind::kPacketSocket;
  if (plan.name.starts_with("net_af_xdp")) plan.kind = WireKind::kXdpSocket;
  if (plan.name.starts_with("net_memif")) plan.kind = WireKind::kMemif;
  plan.devargs = with_number(plan.devargs);
  plan.name = name_of(plan.devargs);
  if (plan.kind == WireKind::kPacketSocket || plan.kind == WireKind::kXdpSocket) return plan_interface(plan, queues);
  return take(plan, plan.name);
}

/// EAL probed the cards of `weftd --pci` when it started, without what a file has as arguments: with some, once more.
bool probed_at_start(const ProbePlan& plan) {
  std::uint16_t port;
  if (plan.kind != WireKind::kCard || rte_eth_dev_get_port_by_name(plan.name.c_str(), &port) != 0) return false;
  if (plan.devargs == plan.name) return true;
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(port, &info) == 0) rte_dev_remove(info.device);
  return false;
}

}  // namespace

std::optional<std::string> device_argument(const std::string& devargs, const std::string& key) {
  for (std::size_t at = devargs.find(','); at != std::string::npos;) {
    const std::size_t next = devargs.find(',', at + 1);
    const std::string argument = devargs.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    if (argument.starts_with(key + "=")) return argument.substr(key.size() + 1);
    at = next;
  }
  return std::nullopt;
}

Result<ProbePlan> plan_probe(const PortBackend& backend, std::uint16_t mtu) {
  if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS)
    return port_failed("this DPDK has room for " + std::to_string(RTE_MAX_ETHPORTS) +
                       " wires (RTE_MAX_ETHPORTS), and all are taken; instances need none: leave out their `port:`");
  ProbePlan plan;
  plan.mtu = mtu;
  Result<void> planned;
  if (backend.driver == PortBackend::Driver::kMemif) {
    plan.kind = WireKind::kMemif;
    planned = plan_memif(plan, backend);
    plan.name = name_of(plan.devargs);
  } else {
    plan.device = plan.devargs = backend.device;
    plan.name = name_of(plan.devargs);
    rte_pci_addr address{};
    if (rte_pci_addr_parse(plan.name.c_str(), &address) == 0) {
      plan.kind = WireKind::kCard;
      planned = plan_card(plan);
    } else {
      planned = plan_virtual(plan, backend.queues);
    }
  }
  if (!planned) return planned.error();
  return Result<ProbePlan>(std::move(plan));
}

Result<Probed> probe(const ProbePlan& plan) {
  const NewSockets sockets(AF_PACKET);
  const int failed = probed_at_start(plan) ? 0 : rte_dev_probe(plan.devargs.c_str());
  Probed probed;
  if (failed != 0 || rte_eth_dev_get_port_by_name(plan.name.c_str(), &probed.port) != 0) {
    // -1 is what many a PMD says, and EPERM is not what it means.
    const std::string why = failed == 0 || failed == -1 ? "it does not work" : std::strerror(std::abs(failed));
    if (failed == -EEXIST) return Error{"ResourceInUse", "\"" + plan.device + "\" is in use in this process already", {}};
    return port_failed("\"" + plan.device + "\" cannot be opened: DPDK says \"" + why + "\" of \"" + plan.devargs +
                       "\"; its own lines in weftd's log say more");
  }
  if (plan.kind == WireKind::kPacketSocket) probed.sockets = sockets.found();
  // Whoever connects is trusted with weftd's life (README.md): nobody but weftd's own user, whatever the umask.
  if (plan.listener != nullptr) ::chmod(plan.socket.c_str(), S_IRUSR | S_IWUSR);
  return probed;
}

}  // namespace weft::ethdev
