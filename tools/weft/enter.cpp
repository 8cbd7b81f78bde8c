#include "tools/weft/enter.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dataplane/model/identity.hpp"
#include "instances/holder.hpp"
#include "tools/weft/api_client.hpp"
#include "tools/weft/exit_code.hpp"

namespace weft::cli {
namespace {

/// The holder knows names only. From inside an instance the daemon cannot be asked, and an id stays what it is.
std::string name_of(const std::string& name_or_id) {
  if (!looks_like_id(name_or_id)) return name_or_id;
  if (Result<nlohmann::json> instances = ask_daemon("/v1/instances"))
    for (const nlohmann::json& instance : *instances)
      if (instance.value("id", "") == name_or_id) return instance.value("name", name_or_id);
  return name_or_id;
}

/// The holder has no namespaces of an instance that is stopped, and does not know why. From inside an instance the
/// daemon cannot be asked, and the holder's word stands.
Error why_not(const Error& said, const std::string& name) {
  if (said.code != "InvalidInstanceID.NotFound") return said;
  Result<nlohmann::json> instances = ask_daemon("/v1/instances");
  if (!instances) return said;
  for (const nlohmann::json& instance : *instances)
    if (instance.value("name", "") == name && instance.value("state", "") == "stopped")
      return {"IncorrectInstanceState",
              "The instance '" + name + "' is stopped; `weft start " + name + "` makes it run again", {}};
  return said;
}

}  // namespace

Result<void> become_guest(const std::string& instance) {
  const std::string name = name_of(instance);
  Result<std::string> directory = runtime_directory();
  if (!directory) return directory.error();
  if (Result<void> entered = enter_instance(*directory, name); !entered) return why_not(entered.error(), name);
  ::setenv("WEFT_RUNTIME_DIR", directory->c_str(), 1);
  ::setenv("WEFT_INSTANCE", name.c_str(), 1);
  if (::geteuid() == 0) {
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  }
  return {};
}

int execute(const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  const int why = errno;
  std::fprintf(stderr, "weft: cannot execute %s: %s\n", words[0], std::strerror(why));
  return why == ENOENT ? kNotFound : kCannotExecute;
}

}  // namespace weft::cli
