#include "containers/attribution.h"

#include <gtest/gtest.h>

namespace corun::containers {
namespace {

const std::string kId = "4b1d9f0a6c2e8d7f3a5b9c1e0d2f4a6b8c0e1f3d5a7b9c2e4f6a8d0b1c3e5f7a";
const std::string kOther = "0000000000000000000000000000000000000000000000000000000000000000";
const std::string kPod = "1c2d3e4f-5a6b-7c8d-9e0f-112233445566";
const std::string kPodUnderscores = "1c2d3e4f_5a6b_7c8d_9e0f_112233445566";
const std::string kStaticPod = "0123456789abcdef0123456789abcdef";

struct CgroupCase {
  std::string name;
  std::string file;
  std::string runtime;  ///< "": no container
  std::string pod = "";
};

class Cgroups : public testing::TestWithParam<CgroupCase> {};

TEST_P(Cgroups, TellTheContainer) {
  const auto found = container_of(GetParam().file);
  if (GetParam().runtime.empty()) {
    EXPECT_FALSE(found) << found->id;
    return;
  }
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, kId);
  EXPECT_EQ(found->short_id, kId.substr(0, 12));
  EXPECT_EQ(found->runtime, GetParam().runtime);
  EXPECT_EQ(found->pod ? found->pod->uid : "", GetParam().pod);
}

INSTANTIATE_TEST_SUITE_P(
    All, Cgroups,
    testing::Values(
        CgroupCase{"podman_systemd_v2", "0::/machine.slice/libpod-" + kId + ".scope/container\n",
                   "podman"},
        CgroupCase{"podman_cgroupfs", "0::/libpod_parent/libpod-" + kId + "\n", "podman"},
        CgroupCase{"docker_cgroupfs_v1",
                   "12:memory:/docker/" + kId + "\n11:devices:/docker/" + kId + "\n", "docker"},
        CgroupCase{"docker_systemd", "0::/system.slice/docker-" + kId + ".scope\n", "docker"},
        CgroupCase{"podman_below_a_pod",
                   "0::/kubepods/burstable/pod" + kPod + "/libpod-" + kId + "\n", "podman", kPod},
        CgroupCase{"containerd_cri_systemd",
                   "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" +
                       kPodUnderscores + ".slice/cri-containerd-" + kId + ".scope\n",
                   "containerd", kPod},
        CgroupCase{"containerd_cri_colons",
                   "0::/system.slice/containerd.service/kubepods-besteffort-pod" + kPodUnderscores +
                       ".slice:cri-containerd:" + kId + "\n",
                   "containerd", kPod},
        CgroupCase{
            "crio",
            "0::/kubepods.slice/kubepods-pod" + kPodUnderscores + ".slice/crio-" + kId + ".scope\n",
            "cri-o", kPod},
        CgroupCase{"static_pod", "0::/kubepods/besteffort/pod" + kStaticPod + "/" + kId + "\n",
                   "unknown", kStaticPod},
        CgroupCase{"rootless_podman",
                   "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId +
                       ".scope/container\n",
                   "podman"},
        CgroupCase{"another_cgroup_namespace", "0::/../../docker/" + kId + "\n", "docker"},
        CgroupCase{"hybrid_where_one_line_tells_more",
                   "1:name=systemd:/" + kId + "\n0::/kubepods/pod" + kPod + "/cri-containerd-" +
                       kId + ".scope\n",
                   "containerd", kPod},
        CgroupCase{"the_innermost_of_two",
                   "0::/docker/" + kOther + "/libpod_parent/libpod-" + kId + "\n", "podman"},
        CgroupCase{"conmon_is_no_container", "0::/machine.slice/libpod-conmon-" + kId + ".scope\n",
                   ""},
        CgroupCase{"crio_conmon", "0::/kubepods.slice/crio-conmon-" + kId + ".scope\n", ""},
        CgroupCase{"too_many_digits", "0::/docker/" + kId + "0\n", ""},
        CgroupCase{"a_plain_service", "0::/system.slice/ssh.service\n", ""},
        CgroupCase{"the_root", "0::/\n", ""}, CgroupCase{"nothing", "", ""},
        CgroupCase{"no_cgroup_file", "hello\n::\n:\n", ""}),
    [](const auto& test) { return test.param.name; });

std::string cmdline(std::initializer_list<std::string> arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += argument + '\0';
  return text;
}

TEST(Keepers, TellTheContainer) {
  const auto podman = container_kept_by(
      cmdline({"/usr/bin/conmon", "--api-version", "1", "-c", kId, "-u", kOther, "-n", "serve"}));
  ASSERT_TRUE(podman);
  EXPECT_EQ(podman->id, kId);
  EXPECT_EQ(podman->short_id, kId.substr(0, 12));
  EXPECT_EQ(podman->runtime, "podman");
  const auto shim = [](const char* of) {
    return container_kept_by(
        cmdline({"/usr/bin/containerd-shim-runc-v2", "-namespace", of, "-id", kId}));
  };
  ASSERT_TRUE(shim("moby"));
  EXPECT_EQ(shim("moby")->runtime, "docker");
  EXPECT_EQ(shim("k8s.io")->runtime, "containerd");
}

TEST(Keepers, OtherProcessesKeepNone) {
  EXPECT_FALSE(container_kept_by(""));
  EXPECT_FALSE(container_kept_by(cmdline({"conmon", "-c"})));
  EXPECT_FALSE(container_kept_by(cmdline({"conmon", "-c", kId.substr(1)})));
  EXPECT_FALSE(container_kept_by(cmdline({"python3", "-c", kId})));
  EXPECT_FALSE(container_kept_by(cmdline({"containerd-shim-runc-v2", "-id", "a-pod"})));
}

TEST(ProcStat, TheNameMayHoldBlanksAndParentheses) {
  std::string text = "42 (a) b (c)) S 1";
  for (int field = 5; field <= 21; ++field) text += " " + std::to_string(field);
  text += " 98765 1 2 3";
  const auto stat = parse_proc_stat(text);
  ASSERT_TRUE(stat);
  EXPECT_EQ(*stat, (ProcStat{"a) b (c)", 'S', 1, 98765}));
}

TEST(ProcStat, ATextThatIsCutTellsNothing) {
  for (const char* text : {"", "42", "42 (a", "42 (a)", "42 (a) S 1 2 3",
                           "42 (a) S x 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"}) {
    EXPECT_FALSE(parse_proc_stat(text)) << text;
  }
}

TEST(ProcStatus, TellsUserAndPidsInNamespaces) {
  const auto status =
      parse_proc_status("Name:\tx\nUid:\t1000\t1001\t1002\t1003\nNSpid:\t4242\t17\t1\n");
  ASSERT_TRUE(status);
  EXPECT_EQ(*status, (ProcStatus{1000, {4242, 17, 1}}));
  EXPECT_FALSE(parse_proc_status("Name:\tx\n"));
}

TEST(Command, IsOneLineOfBoundedLength) {
  EXPECT_EQ(command_of(std::string_view("python3\0-c\0a\nb\0", 15)), "python3 -c a?b");
  EXPECT_EQ(command_of(""), "");
  const std::string umlauts(2 * kMaxCommandBytes, '\xc3');
  EXPECT_LE(command_of(umlauts).size(), kMaxCommandBytes);
  std::string long_text(kMaxCommandBytes - 1, 'a');
  long_text += "\xc3\xa4\xc3\xa4";  // the limit is in the middle of the first
  EXPECT_EQ(command_of(long_text), long_text.substr(0, kMaxCommandBytes - 1));
}

}  // namespace
}  // namespace corun::containers
