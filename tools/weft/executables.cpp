#include "tools/weft/executables.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace weft::cli {
namespace {

namespace fs = std::filesystem;

bool is_executable(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

fs::path own_directory() { return fs::path(own_path()).parent_path(); }

std::optional<std::string> find_beside(const std::string& name) {
  const fs::path here = own_directory();
  for (const fs::path& path : {here / name, here.parent_path() / name / name})  // installed; build tree
    if (is_executable(path)) return path.string();
  return find_on_path(name);
}

}  // namespace

std::string own_path() {
  std::error_code failed;
  const fs::path path = fs::read_symlink("/proc/self/exe", failed);
  return failed ? "weft" : path.string();
}

std::optional<std::string> find_on_path(const std::string& name) {
  const char* variable = std::getenv("PATH");
  std::istringstream directories(variable != nullptr ? variable : "/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');)
    if (const fs::path path = fs::path(directory.empty() ? "." : directory) / name; is_executable(path))
      return fs::absolute(path).string();
  return std::nullopt;
}

std::optional<std::string> find_weftd() { return find_beside("weftd"); }

std::optional<std::string> find_generator() { return find_beside("weft-gen"); }

std::optional<std::string> find_provider_directory() {
  const fs::path here = own_directory();
  std::error_code ignored;
  for (const fs::path& directory :
       {here.parent_path().parent_path() / "fabric" / "provider",   // build tree: tools/weft/weft
        here.parent_path() / WEFT_LIBRARY_DIRECTORY / "libfabric",  // installed: bin/weft, wherever the prefix moved
        fs::path(WEFT_PREFIX) / WEFT_LIBRARY_DIRECTORY / "libfabric"})
    if (fs::exists(directory / "libweft-fi.so", ignored)) return directory.string();
  return std::nullopt;
}

std::optional<std::string> find_benchmark(const std::string& name) {
  const fs::path here = own_directory();
  for (const fs::path& directory : {here.parent_path().parent_path() / "bench",            // build tree: tools/weft/weft
                                    here.parent_path() / WEFT_PROGRAM_DIRECTORY / "weft"})  // installed: bin/weft
    if (is_executable(directory / name)) return (directory / name).string();
  return std::nullopt;
}

}  // namespace weft::cli
