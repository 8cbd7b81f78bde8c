#include "instances/process_title.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace weft::holder {

void set_process_title(std::string_view title) {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos) return;
  // proc(5): arg_start and arg_end are fields 48 and 49; the field after the name is the third.
  std::istringstream fields(text.substr(after_name + 1));
  std::string field;
  for (int number = 3; number < 48; ++number) fields >> field;
  std::uintptr_t start = 0, end = 0;
  if (!(fields >> start >> end) || start == 0 || end <= start) return;  // hidden by the kernel: the old title stays
  auto* arguments = reinterpret_cast<char*>(start);
  const std::size_t room = end - start;
  std::memset(arguments, 0, room);
  std::memcpy(arguments, title.data(), std::min(title.size(), room - 1));
}

}  // namespace weft::holder
