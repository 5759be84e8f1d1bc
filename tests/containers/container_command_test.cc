#include "containers/container_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corun::containers {
namespace {

using Words = std::vector<std::string>;

TEST(ContainerCommand, OptionsGoBehindRunAndCreate) {
  EXPECT_EQ(container_options_at({"podman", "run", "image"}), 2U);
  EXPECT_EQ(container_options_at({"/usr/bin/docker", "create", "image"}), 2U);
  EXPECT_EQ(container_options_at({"nerdctl", "container", "run", "image"}), 3U);
  EXPECT_EQ(container_options_at({"podman", "--root", "run", "--remote", "run", "image"}), 5U);
  EXPECT_EQ(container_options_at({"docker", "--context=far", "-D", "run", "image"}), 4U);
}

TEST(ContainerCommand, OtherCommandsHaveNoPlaceForThem) {
  for (const Words& command :
       {Words{}, Words{"podman"}, Words{"podman", "exec", "box", "run"}, Words{"podman", "--root"},
        Words{"podman", "container", "start", "run"}, Words{"python3", "run"},
        Words{"my-docker", "run"}, Words{"docker", "compose", "run", "service"}}) {
    EXPECT_EQ(container_options_at(command), std::nullopt);
    Edits edits;
    edits.env = {{"A", "b"}};
    EXPECT_EQ(with_container_edits(command, edits), command);
  }
}

TEST(ContainerCommand, DetachedContainersAreLeftBehind) {
  for (const Words& command :
       {Words{"podman", "create", "image"}, Words{"podman", "run", "-d", "image"},
        Words{"docker", "run", "--rm", "-e", "A=b", "--detach", "image"},
        Words{"podman", "run", "-itd", "image"},
        Words{"podman", "run", "--name=a", "-d", "image"}}) {
    EXPECT_TRUE(leaves_container_behind(command)) << command.back();
  }
  for (const Words& command :
       {Words{"podman", "run", "image", "-d"}, Words{"podman", "run", "-e", "-d", "image"},
        Words{"podman", "run", "--rm", "-it", "--name", "a", "image", "x", "--detach"},
        Words{"python3", "run", "-d"}, Words{"podman", "run", "-d=false", "image"}}) {
    EXPECT_FALSE(leaves_container_behind(command)) << command.back();
  }
}

TEST(ContainerCommand, EditsComeFirstSoThatItsOwnOptionsWin) {
  Edits edits;
  edits.env = {{"CORUN_NAME", "a b"}, {"LD_PRELOAD", "/mine.so"}, {"PATH", "/host/bin"}};
  edits.prepend_env = {{"LD_PRELOAD", "/libcorun.so"}, {"LD_LIBRARY_PATH", "/host/lib"}};
  edits.mounts = {{"/run/corun", "/run/corun", true},
                  {"/host/rows", "/rows", false},
                  {"/run/corun", "/run/corun", true}};
  edits.devices = {"/dev/nvidia0"};
  EXPECT_THAT(
      with_container_edits({"podman", "run", "--env", "CORUN_NAME=c", "image", "x"}, edits),
      testing::ElementsAre("podman", "run", "--env", "CORUN_NAME=a b", "--env",
                           "LD_PRELOAD=/libcorun.so:/mine.so", "--volume",
                           "/run/corun:/run/corun:ro", "--volume", "/host/rows:/rows", "--device",
                           "/dev/nvidia0", "--env", "CORUN_NAME=c", "image", "x"));
}

}  // namespace
}  // namespace corun::containers
