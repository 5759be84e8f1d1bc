// The server as a program: corun-inference, and those that know further kinds of models.
#pragma once

#include "workloads/inference/server/options.h"

namespace corun::inference {

/// Reads the command line, serves until it is told to end, and returns the exit code.
int run_server(const ServerProgram& program, int argc, const char* const* argv);

}  // namespace corun::inference
