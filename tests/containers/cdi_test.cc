#include "containers/cdi.h"

#include <gtest/gtest.h>

namespace corun::containers {
namespace {

CdiSpec spec_of(const std::vector<std::string>& names) {
  CdiSpec spec{"corun.dev/class", {}};
  for (const std::string& name : names) {
    Edits edits;
    edits.env = {{"CORUN_CLASS", name}};
    spec.devices.push_back({name, edits});
  }
  return spec;
}

TEST(Cdi, ASpecificationIsWrittenAsEnginesReadIt) {
  Edits edits;
  edits.env = {{"CORUN_NAME", "serve"}, {"LD_PRELOAD", "/other.so"}};
  edits.prepend_env = {{"LD_PRELOAD", "/opt/corun/lib/libcorun.so"}};
  edits.mounts = {{"/opt/corun/lib/libcorun.so", "/opt/corun/lib/libcorun.so", true},
                  {"/a", "/b", false}};
  edits.devices = {"/dev/nvidia0"};
  const auto text = cdi_text({"corun.dev/workload", {{"serve", edits}}});
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(*text, R"({
  "cdiVersion": "0.3.0",
  "devices": [
    {
      "containerEdits": {
        "deviceNodes": [
          {
            "path": "/dev/nvidia0"
          }
        ],
        "env": [
          "CORUN_NAME=serve",
          "LD_PRELOAD=/opt/corun/lib/libcorun.so:/other.so"
        ],
        "mounts": [
          {
            "containerPath": "/opt/corun/lib/libcorun.so",
            "hostPath": "/opt/corun/lib/libcorun.so",
            "options": [
              "ro",
              "nosuid",
              "nodev",
              "bind"
            ]
          },
          {
            "containerPath": "/b",
            "hostPath": "/a",
            "options": [
              "nosuid",
              "nodev",
              "bind"
            ]
          }
        ]
      },
      "name": "serve"
    }
  ],
  "kind": "corun.dev/workload"
}
)");
}

TEST(Cdi, NamesThatEnginesRefuseAreErrors) {
  EXPECT_TRUE(cdi_text(spec_of({"best-effort", "a", "x_1.y"})));
  for (const char* name : {"", "1st", "-a", "a-", "a b", "a/b", "\xc3\xa4"}) {
    EXPECT_FALSE(cdi_text(spec_of({name}))) << name;
  }
  EXPECT_FALSE(cdi_text(spec_of({"a", "a"})));
  EXPECT_FALSE(cdi_text(spec_of({})));
}

}  // namespace
}  // namespace corun::containers
