// Where the parts of weft are: beside this executable in a build tree or an installation, or on PATH.
#pragma once

#include <optional>
#include <string>

namespace weft::cli {

/// This executable's own path.
std::string own_path();

/// weftd: beside us, in the build tree, or on PATH.
std::optional<std::string> find_weftd();

/// The directory of libweft-fi.so, for FI_PROVIDER_PATH: the build tree's or the installed one.
std::optional<std::string> find_provider_directory();

/// A benchmark by its program's name: in the build tree or installed beside this weft.
std::optional<std::string> find_benchmark(const std::string& name);

/// weft-gen, the traffic generator: beside us, in the build tree, or on PATH.
std::optional<std::string> find_generator();

/// An executable file on $PATH.
std::optional<std::string> find_on_path(const std::string& name);

}  // namespace weft::cli
