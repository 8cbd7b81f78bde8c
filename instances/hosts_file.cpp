#include "instances/hosts_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {
namespace {

/// Whatever user a program in an instance runs as, it must be able to resolve names.
Result<UniqueFd> open_for_everybody(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file || ::fchmod(file.get(), 0644) != 0) return system_error("cannot make " + path);
  return file;
}

/// First the new text, then the new end: who reads in between finds every name.
Result<void> rewrite_file(const std::string& path, const UniqueFd& file, const std::string& text) {
  if (::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(file.get(), static_cast<off_t>(text.size())) != 0)
    return system_error("cannot write " + path);
  return {};
}

}  // namespace

Result<std::string> write_resolver_file(const std::string& runtime_directory) {
  std::string path = runtime_directory + "/resolv.conf";
  auto file = open_for_everybody(path);
  if (!file) return file.error();
  // Nobody listens on the instance's loopback, and the kernel says so (ICMP) without delay.
  auto written =
      rewrite_file(path, *file, "# weft: this VPC has no resolver; names are in /etc/hosts\nnameserver 127.0.0.1\n");
  if (!written) return written.error();
  return path;
}

Result<HostsFile> HostsFile::create(const std::string& runtime_directory, const std::string& name) {
  std::string path = runtime_directory + "/" + name;
  auto file = open_for_everybody(path);
  if (!file) return file.error();
  HostsFile hosts(std::move(path), std::move(*file));
  if (auto written = hosts.rewrite({}); !written) return written.error();
  return hosts;
}

Result<void> HostsFile::rewrite(const HostList& hosts) {
  std::string text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  for (const auto& [name, address] : hosts) {
    if (!is_instance_name(name) || !IpAddress::parse(address))
      return holder_error("a line of /etc/hosts is a host name and an address");
    text += address + "\t" + name + "\n";
  }
  return rewrite_file(path_, file_, text);
}

}  // namespace weft::holder
