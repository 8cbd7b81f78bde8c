#include "tests/drivers/vhost/testpmd.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace weft::test {
namespace {

constexpr char kProgram[] = "/usr/bin/dpdk-testpmd";
int started = 0;

}  // namespace

bool Testpmd::installed() { return ::access(kProgram, X_OK) == 0; }

Testpmd::Testpmd(const std::string& folder, const std::string& device, const std::string& forward)
    : log_(folder + "/testpmd" + std::to_string(started++) + ".log") {
  std::vector<std::string> arguments = {kProgram, "--no-huge", "-m", "192", "--no-pci", "--no-telemetry", "--no-shconf",
                                        "--lcores", "0@(0-1),1@(0-1)", "--vdev=net_virtio_user0," + device, "--",
                                        "--total-num-mbufs=8192", "--no-flush-rx"};
  std::istringstream words(forward);
  arguments.insert(arguments.end(), std::istream_iterator<std::string>(words), {});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::setenv("RUNTIME_DIRECTORY", folder.c_str(), 1);
  int nothing[2];
  if (::pipe(nothing) != 0) ::_exit(1);
  ::dup2(nothing[0], 0);  // it forwards until its input ends
  const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(log, 1);
  ::dup2(log, 2);
  ::execv(kProgram, argv.data());
  ::_exit(127);
}

void Testpmd::kill() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

Testpmd::~Testpmd() { kill(); }

std::string Testpmd::log() const {
  std::ifstream file(log_);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace weft::test
