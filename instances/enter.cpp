#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "instances/protocol.hpp"
#include "instances/reaper.hpp"
#include "instances/system_error.hpp"

namespace weft {
namespace {

/// The user namespace is entered once; from inside, `weft ssh` finds itself in it already, and the kernel refuses
/// twice.
Result<void> enter_user_namespace_of(int user_namespace) {
  auto wanted = holder::identify(user_namespace);
  if (!wanted) return wanted.error();
  struct stat own {};
  if (::stat("/proc/self/ns/user", &own) == 0 && *wanted == holder::NamespaceId{own.st_dev, own.st_ino}) return {};
  if (::setns(user_namespace, CLONE_NEWUSER) != 0) return system_error("cannot enter the deployment's user namespace");
  return {};
}

}  // namespace

Result<void> enter_instance(const std::string& runtime_directory, const std::string& instance) {
  auto socket = holder::connect_to_holder(runtime_directory);
  if (!socket) return Error{"Weft.DaemonNotRunning", socket.error().message, {}};
  const nlohmann::json ask = {{"op", "enter"}, {"name", instance}};
  auto reply = holder::request(socket->get(), ask);
  if (!reply) return reply.error();
  const auto& fds = reply->descriptors;
  if (fds.size() < 3) return holder_error("the holder sent no namespaces");

  char working_directory[PATH_MAX] = "/";
  if (::getcwd(working_directory, sizeof(working_directory)) == nullptr) std::strcpy(working_directory, "/");
  if (fds.size() > 3)
    if (auto entered = enter_user_namespace_of(fds[3].get()); !entered) return entered;
  if (::setns(fds[0].get(), CLONE_NEWNET) != 0) return system_error("cannot enter the network of " + instance);
  if (::setns(fds[2].get(), CLONE_NEWUTS) != 0) return system_error("cannot take the host name of " + instance);
  if (::setns(fds[1].get(), CLONE_NEWNS) != 0) return system_error("cannot enter the mounts of " + instance);
  // setns(2) moved the working directory to the root of the new mounts.
  if (::chdir(working_directory) != 0 && ::chdir("/") != 0) return system_error("cannot find a working directory");
  ::setenv("WEFT_RUNTIME_DIR", runtime_directory.c_str(), 1);

  // Removed while we entered? From this answer on, whoever removes the instance finds us in it.
  auto still_there = holder::request(socket->get(), ask);
  if (!still_there) return still_there.error();
  return {};
}

}  // namespace weft
