#include "drivers/efa/listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace weft::efa {
namespace {

EfaError failed(const std::string& what, int error) { return {error, what + ": " + std::strerror(error)}; }

EfaError own_directory(const std::string& directory) {
  mkdir(std::filesystem::path(directory).parent_path().c_str(), 0700);  // the runtime directory; it mostly exists
  if (mkdir(directory.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return failed("cannot make the directory " + directory + " for EFA sockets", errno);
  struct stat status {};
  if (lstat(directory.c_str(), &status) != 0) return failed("cannot look at " + directory, errno);
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
    return {EACCES, directory + " must be a directory of ours with mode 0700 to hold EFA sockets"};
  return {};
}

}  // namespace

EfaError listen_on_path(const std::string& path, FileDescriptor& listening) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return {ENAMETOOLONG, "the EFA socket " + path + " must have a path of at most " +
                              std::to_string(sizeof address.sun_path - 1) + " characters"};
  path.copy(address.sun_path, path.size());
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  if (EfaError error = own_directory(std::filesystem::path(path).parent_path())) return error;

  FileDescriptor socket_fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_fd) return failed("cannot make the EFA socket " + path, errno);
  if (connect(socket_fd.get(), name, sizeof address) == 0 || errno == EAGAIN)
    return {EADDRINUSE, "another daemon answers on the EFA socket " + path + ": stop it first"};
  ::unlink(path.c_str());
  if (bind(socket_fd.get(), name, sizeof address) != 0) return failed("cannot bind the EFA socket " + path, errno);
  if (chmod(path.c_str(), 0600) != 0 || listen(socket_fd.get(), SOMAXCONN) != 0)
    return failed("cannot listen on the EFA socket " + path, errno);
  listening = std::move(socket_fd);
  return {};
}

}  // namespace weft::efa
