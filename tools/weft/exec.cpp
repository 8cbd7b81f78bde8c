// weft exec, weft ssh: a command inside an instance.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "tools/weft/command.hpp"
#include "tools/weft/cpu_sets.hpp"
#include "tools/weft/enter.hpp"
#include "tools/weft/exit_code.hpp"
#include "tools/weft/ssh_arguments.hpp"

namespace weft::cli {
namespace {

std::string shell() {
  const char* name = std::getenv("SHELL");
  return name != nullptr && *name != '\0' ? name : "/bin/sh";
}

int exec(const std::string& instance, std::vector<std::string> command) {
  if (command.empty()) command = {shell()};
  if (Result<void> entered = become_guest(instance); !entered) return report(entered.error());
  return execute(command);
}

int ssh(const std::vector<std::string>& arguments) {
  Result<SshArguments> parsed = parse_ssh_arguments(arguments);
  if (!parsed) return report(parsed.error());
  if (Result<void> entered = become_guest(parsed->host); !entered) return report(entered.error());
  take_cpus_from_environment(parsed->host);  // weft mpirun's share for this instance
  if (parsed->null_stdin)
    if (const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC); null >= 0) ::dup2(null, STDIN_FILENO);
  if (parsed->command.empty()) return execute({shell()});
  return execute({"/bin/sh", "-c", parsed->command});
}

}  // namespace

void add_exec(CLI::App& app, Chosen& chosen) {
  auto* exec_command = app.add_subcommand("exec", "A command inside an instance");
  auto instance = std::make_shared<std::string>();
  exec_command->add_option("INSTANCE", *instance, "Name or id of the instance")->required();
  exec_command->footer(
      "Form: weft exec INSTANCE [--] [COMMAND...]\n"

      "Without a command: $SHELL. Working directory, environment and files are this machine's; network,\n"
      "host name and /etc/hosts are the instance's, and WEFT_INSTANCE is its name.\n"
      "Exit code: the command's; 126 and 127 when it cannot be executed or found.\n"
      "Example: weft exec node-0 -- ping -c1 node-1");
  exec_command->callback(
      [&chosen, instance] { chosen.run = [&chosen, instance] { return exec(*instance, chosen.command); }; });

  auto* ssh_command = app.add_subcommand("ssh", "The same with ssh's command line: a launch agent for MPI");
  ssh_command->footer(
      "Form: weft ssh [SSH OPTIONS] INSTANCE [COMMAND...]\n"

      "ssh's options are taken and, but for -n, ignored; the command goes through /bin/sh.\n"
      "Example: mpirun --mca plm_rsh_agent \"weft ssh\" --host node-0,node-1 ./app");
  ssh_command->callback([&chosen] { chosen.run = [&chosen] { return ssh(chosen.command); }; });
}

}  // namespace weft::cli
