#include "instances/hosts_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instances/protocol.hpp"
#include "instances/system_error.hpp"

namespace weft::holder {

Result<HostsFile> HostsFile::create(const std::string& runtime_directory) {
  std::string path = runtime_directory + "/hosts";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  // Whatever user a program in an instance runs as, it must be able to resolve names.
  if (!file || ::fchmod(file.get(), 0644) != 0) return system_error("cannot make " + path);
  HostsFile hosts(std::move(path), std::move(file));
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
  // First the new text, then the new end: who reads in between finds every name.
  if (::pwrite(file_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(file_.get(), static_cast<off_t>(text.size())) != 0)
    return system_error("cannot write " + path_);
  return {};
}

}  // namespace weft::holder
