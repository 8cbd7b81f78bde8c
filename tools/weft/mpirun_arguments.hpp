// weft mpirun's command line, and Open MPI's that it becomes. Pure: no process, no daemon.
#pragma once

#include <string>
#include <vector>

#include "dataplane/model/result.hpp"

namespace weft::cli {

/// What the user typed.
struct MpirunRequest {
  std::string provider = "weft";            // --provider weft|tcp
  std::vector<std::string> instances;       // --instances a,b; empty: those with EFA interfaces
  bool verbose = false;                     // --verbose: print Open MPI's command line
  int ranks = 0;                            // of -n, summed over ':'; 0: not given
  int per_instance = 0;                     // of -N, -npernode, -pernode; 0: not given
  bool own_hosts = false;                   // --host, --hostfile, ...: the user places the ranks
  bool own_mapping = false;                 // --map-by and the like
  bool own_binding = false;                 // --bind-to and the like
  std::vector<std::string> own_parameters;  // names given by --mca
  std::vector<std::string> rest;            // everything that is not weft's, in order: options, program, its arguments
  bool has_program = false;
};

/// Our options are recognised among mpirun's, up to the program; what follows the program is the program's.
Result<MpirunRequest> parse_mpirun_arguments(const std::vector<std::string>& arguments);

/// What weft knows.
struct MpirunSetting {
  std::string mpirun;                  // path
  std::string weft;                    // our own path, the launch agent
  std::vector<std::string> instances;  // that take part, the first runs mpirun
  bool crowded = false;                // fewer CPUs than ranks and weftd want
};

/// Ranks that one instance gets at most.
int ranks_each(const MpirunRequest& request, std::size_t instances);

std::vector<std::string> build_mpirun_command(const MpirunRequest& request, const MpirunSetting& setting);

/// A command as a shell would read it.
std::string shell_text(const std::vector<std::string>& command);

}  // namespace weft::cli
