#include "tools/weft/mpirun_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

#include "dataplane/model/suggest.hpp"

namespace weft::cli {
namespace {

// How many words follow an option of Open MPI 4.1's mpirun (`mpirun --help full`), without its leading dashes. What is
// not listed is taken for a flag; should it have a value, weft only looks for its own options no further.
const std::map<std::string, int> kValues = {
    {"am", 1},
    {"app", 1},
    {"bind-to", 1},
    {"c", 1},
    {"cf", 1},
    {"cartofile", 1},
    {"cpu-list", 1},
    {"cpu-set", 1},
    {"cpus-per-proc", 1},
    {"cpus-per-rank", 1},
    {"debugger", 1},
    {"default-hostfile", 1},
    {"gmca", 2},
    {"H", 1},
    {"hnp", 1},
    {"host", 1},
    {"hostfile", 1},
    {"launch-agent", 1},
    {"machinefile", 1},
    {"map-by", 1},
    {"max-restarts", 1},
    {"max-vm-size", 1},
    {"mca", 2},
    {"n", 1},
    {"N", 1},
    {"np", 1},
    {"npernode", 1},
    {"npersocket", 1},
    {"ompi-server", 1},
    {"output-filename", 1},
    {"path", 1},
    {"personality", 1},
    {"ppr", 1},
    {"prefix", 1},
    {"preload-files", 1},
    {"rank-by", 1},
    {"report-events", 1},
    {"report-pid", 1},
    {"report-uri", 1},
    {"rf", 1},
    {"rankfile", 1},
    {"stdin", 1},
    {"timeout", 1},
    {"tune", 1},
    {"wd", 1},
    {"wdir", 1},
    {"x", 1},
    {"xml-file", 1},
    {"xterm", 1},
};

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* one) { return word == one; });
}

int positive(const std::string& text) {
  int value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() && value > 0 ? value : 0;
}

std::string without_dashes(const std::string& word) {
  const std::size_t first = word.find_first_not_of('-');
  return first == std::string::npos ? "" : word.substr(first);
}

/// Reads the words one after another; knows whether it stands before a program or behind one.
class Reader {
 public:
  explicit Reader(const std::vector<std::string>& words) : words_(words) {}

  Result<MpirunRequest> read() {
    for (bool in_program = false; next_ < words_.size();) {
      const std::string& word = words_[next_];
      if (in_program) {
        in_program = word != ":";  // ':' begins the next program of an MPMD job
        take(1);
      } else if (is_one_of(word, {"--provider", "--instances", "--verbose"}) || word.starts_with("--provider=") ||
                 word.starts_with("--instances=")) {
        if (Result<void> read = read_own(word); !read) return read.error();
      } else if (word.size() > 1 && word[0] == '-') {
        read_option(without_dashes(word));
      } else {
        request_.has_program = in_program = true;
        take(1);
      }
    }
    return std::move(request_);
  }

 private:
  void take(std::size_t count) {
    for (; count > 0 && next_ < words_.size(); --count) request_.rest.push_back(words_[next_++]);
  }

  Result<void> read_own(const std::string& word) {
    ++next_;
    if (word == "--verbose") {
      request_.verbose = true;
      return {};
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (equals == std::string::npos && next_ < words_.size()) value = words_[next_++];
    if (value.empty()) return Error{"MissingParameter", name + " needs a value", {}};
    if (name == "--provider") {
      if (!is_one_of(value, {"weft", "tcp"}))
        return Error{"InvalidParameterValue", fmt::format("--provider is weft or tcp, not {}", in_quotes(value)), {}};
      request_.provider = value;
      return {};
    }
    std::istringstream names(value);
    for (std::string one; std::getline(names, one, ',');)
      if (!one.empty()) request_.instances.push_back(one);
    return {};
  }

  void read_option(const std::string& name) {
    const std::string value = next_ + 1 < words_.size() ? words_[next_ + 1] : "";
    if (is_one_of(name, {"n", "np", "c"})) request_.ranks += positive(value);
    if (is_one_of(name, {"N", "npernode"})) request_.per_instance = positive(value);
    if (name == "pernode") request_.per_instance = 1;
    if (is_one_of(name, {"H", "host", "hostfile", "machinefile", "default-hostfile", "app"})) request_.own_hosts = true;
    if (is_one_of(name, {"map-by", "bynode", "byslot", "bycore", "npersocket", "N", "npernode", "pernode", "ppr", "rf",
                         "rankfile"}))
      request_.own_mapping = true;
    if (is_one_of(name, {"bind-to", "bind-to-core", "bind-to-socket", "cpu-list", "cpu-set", "rf", "rankfile"}))
      request_.own_binding = true;
    if (is_one_of(name, {"mca", "gmca"})) request_.own_parameters.push_back(value);
    const auto values = kValues.find(name);
    take(1 + (values == kValues.end() ? 0 : static_cast<std::size_t>(values->second)));
  }

  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
  MpirunRequest request_;
};

}  // namespace

Result<MpirunRequest> parse_mpirun_arguments(const std::vector<std::string>& arguments) {
  return Reader(arguments).read();
}

int ranks_each(const MpirunRequest& request, std::size_t instances) {
  if (request.per_instance > 0) return request.per_instance;
  if (request.ranks == 0 || instances == 0) return 1;  // Open MPI then starts one for each slot
  return (request.ranks + static_cast<int>(instances) - 1) / static_cast<int>(instances);
}

std::vector<std::string> build_mpirun_command(const MpirunRequest& request, const MpirunSetting& setting) {
  std::vector<std::string> command = {setting.mpirun};
  auto add = [&](std::initializer_list<std::string> words) { command.insert(command.end(), words); };
  auto parameter = [&](const std::string& name, const std::string& value) {
    const auto& own = request.own_parameters;
    if (std::find(own.begin(), own.end(), name) == own.end()) add({"--mca", name, value});
  };
  if (!request.own_hosts) {
    std::vector<std::string> hosts;
    for (const std::string& instance : setting.instances)
      hosts.push_back(fmt::format("{}:{}", instance, ranks_each(request, setting.instances.size())));
    add({"--host", fmt::format("{}", fmt::join(hosts, ","))});
  }
  if (!request.own_mapping) add({"--map-by", "node"});
  if (!request.own_binding) add({"--bind-to", "none"});  // an instance's own CPUs are its affinity (cpu_sets.hpp)

  // Launched into the instances, controlled over their eth0.
  parameter("plm_rsh_agent", setting.weft + " ssh");
  parameter("orte_keep_fqdn_hostnames", "1");
  parameter("oob_tcp_if_include", "eth0");
  // Sockets and files of the run: the instance's own tmpfs. In /tmp, which instances share with this machine, they meet
  // those of other users, who all are uid 0 in their instances.
  parameter("orte_tmpdir_base", "/dev/shm");
  // Data through libfabric and nothing else.
  parameter("pml", "cm");
  parameter("mtl", "ofi");
  parameter("btl", "self");
  parameter("mtl_ofi_provider_include", request.provider);
  // Windows by messages: osc/rdma is Open MPI's first choice, and fails where there is no btl that reaches the others.
  const auto& own = request.own_parameters;
  if (std::find(own.begin(), own.end(), "btl") == own.end()) parameter("osc", "^rdma,ucx");
  if (setting.crowded) parameter("mpi_yield_when_idle", "1");

  add({"-x", "FI_PROVIDER"});
  if (request.provider == "weft")
    add({"-x", "FI_PROVIDER_PATH"});
  else
    add({"-x", "FI_TCP_IFACE"});
  command.insert(command.end(), request.rest.begin(), request.rest.end());
  return command;
}

std::string shell_text(const std::vector<std::string>& command) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  std::string text;
  for (const std::string& word : command) {
    if (!text.empty()) text += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += '\'';
  }
  return text;
}

}  // namespace weft::cli
