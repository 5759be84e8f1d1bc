#include "core/model/workload.h"

#include <gtest/gtest.h>

namespace corun {
namespace {

TEST(Workload, EveryClassNameParsesBack) {
  for (auto cls :
       {ServiceClass::kLatencyCritical, ServiceClass::kNormal, ServiceClass::kBestEffort}) {
    auto parsed = parse_service_class(to_string(cls));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, cls);
  }
}

TEST(Workload, AnUnknownClassNamesTheKnownOnes) {
  auto parsed = parse_service_class("urgent");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().text(),
            "unknown class 'urgent'; use one of latency-critical, normal, best-effort");
}

}  // namespace
}  // namespace corun
