#include <gtest/gtest.h>

#include <string>

#include "golden.h"

namespace corun::cli {
namespace {

struct WrongCdi {
  const char* arguments;
  const char* error;
};

TEST(Cdi, WrongInputIsOneLine) {
  for (const auto& [arguments, error] : {
           WrongCdi{"cdi", "cdi: what?; write 'corun cdi generate'"},
           WrongCdi{"cdi list", "cdi: unknown word 'list'; write 'corun cdi generate'"},
           WrongCdi{"cdi generate --weight 2",
                    "a class, weight, limit or target is a workload's; name it with --name"},
           WrongCdi{"cdi generate --output a.yaml",
                    "--output a.yaml: engines would not read it; let its name end in .json"},
           WrongCdi{"cdi generate --name Serve",
                    "--name 'Serve' is not a workload's name; use at "
                    "most 63 of a-z, 0-9, '-', '_' and '.'"},
           WrongCdi{"cdi generate --mps --name a",
                    "--mps is for clients of MPS without corund; leave --name and --run-dir out"},
           WrongCdi{"cdi generate --mps --mps-pipe /nowhere",
                    "--mps-pipe /nowhere is not a folder; give CUDA_MPS_PIPE_DIRECTORY of "
                    "nvidia-cuda-mps-control"},
           WrongCdi{"cdi generate --name a --weight 0",
                    "--weight 0 is out of range; use 0.001 to 1000"},
       }) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.code, 2) << arguments;
    EXPECT_EQ(ran.out, "") << arguments;
    EXPECT_EQ(ran.err, std::string("corun: error: ") + error + "\n");
  }
}

TEST(Cdi, WithoutACorundThereIsNothingToJoin) {
  const Ran ran = run("cdi generate --run-dir /nowhere");
  EXPECT_EQ(ran.code, 3);
  EXPECT_TRUE(ran.err.starts_with("corun: error: no corund runs in /nowhere; ")) << ran.err;
}

}  // namespace
}  // namespace corun::cli
