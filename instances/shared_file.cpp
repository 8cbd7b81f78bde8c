#include "instances/shared_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

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

/// Letters, digits, '-', '_' and dots: nothing that could begin another line.
bool is_domain(const std::string& text) {
  return text.size() <= 253 && std::ranges::all_of(text, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

Result<SharedFile> SharedFile::create(const std::string& runtime_directory, const std::string& name,
                                      const std::string& text) {
  std::string path = runtime_directory + "/" + name;
  auto file = open_for_everybody(path);
  if (!file) return file.error();
  SharedFile shared(std::move(path), std::move(*file));
  if (auto written = shared.rewrite(text); !written) return written.error();
  return shared;
}

/// First the new text, then the new end: who reads in between finds every name.
Result<void> SharedFile::rewrite(const std::string& text) {
  if (::pwrite(file_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(file_.get(), static_cast<off_t>(text.size())) != 0)
    return system_error("cannot write " + path_);
  return {};
}

Result<std::string> hosts_text(const HostList& hosts) {
  std::string text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  for (const auto& [name, address] : hosts) {
    if (!is_instance_name(name) || !IpAddress::parse(address))
      return holder_error("a line of /etc/hosts is a host name and an address");
    text += address + "\t" + name + "\n";
  }
  return text;
}

Result<std::string> resolver_text(const ResolverSettings& settings) {
  std::string text = "# weft: names of instances are in /etc/hosts too\n";
  for (const std::string& server : settings.servers) {
    if (!IpAddress::parse(server)) return holder_error("a name server is an address");
    text += "nameserver " + server + "\n";
  }
  if (settings.servers.empty()) text += "nameserver 127.0.0.1\n";
  if (!settings.search.empty()) {
    if (!is_domain(settings.search)) return holder_error("a search domain is labels with dots in between");
    text += "search " + settings.search + "\n";
  }
  return text;
}

}  // namespace weft::holder
