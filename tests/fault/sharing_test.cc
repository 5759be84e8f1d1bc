// What operators may expect of sharing: orders act at once, and who disturbs nobody waits for
// nobody. Real processes on a simulated GPU.
#include "tests/fault/fault_fixture.h"

namespace corun::fault {
namespace {

class SharedGpu : public Fault {
 protected:
  bool waits_for_turns(const std::string& name) const {
    const client::WorkloadStatus workload = of(name);
    return !workload.sessions.empty() && workload.sessions[0].waits_for_turn;
  }

  Status set_class(const std::string& workload, ServiceClass service_class) const {
    CORUN_ASSIGN(auto daemon, client::Client::connect_only(run_dir()));
    return daemon.set({.workload = workload, .service_class = service_class});
  }
};

// It needs a page with other rights, for which it joins again. A second passed before it did so.
TEST_F(SharedGpu, WhoBecomesLatencyCriticalUnderLoadClosesItsGateAtOnce) {
  Tenant train = start("train", "best-effort", kTrain);
  Tenant serve = start("serve", "normal", {"infer", "--rate", "200", "--request-us", "2000"});
  train.warm();
  serve.warm();
  keep_busy(train);
  keep_busy(serve);
  ASSERT_TRUE(eventually([this] { return figure("serve", "launches") > 0; }, kPatience));
  ASSERT_EQ(figure("serve", "gate_closures"), 0);
  ASSERT_TRUE(set_class("serve", ServiceClass::kLatencyCritical));
  const Instant changed = monotonic_now();
  ASSERT_TRUE(eventually([this] { return figure("serve", "gate_closures") > 0; }, kPatience));
  EXPECT_LT(monotonic_now() - changed, std::chrono::milliseconds(900));
}

// Copies between host and device need engines of their own.
TEST_F(SharedGpu, ACopierBesideALatencyCriticalWorkloadTakesNoTurns) {
  Tenant serve = start("serve", "latency-critical", kInfer);
  Tenant train = start("train", "best-effort", kTrain);
  Tenant bus = start("bus", "best-effort", {"aggressor", "pcie", "--intensity", "0.5"});
  for (Tenant* tenant : {&serve, &train, &bus}) tenant->warm();
  for (Tenant* tenant : {&serve, &train, &bus}) keep_busy(*tenant);
  const auto apart = [this] {
    return !waits_for_turns("bus") && !waits_for_turns("train") && figure("bus", "turns") > 0;
  };
  EXPECT_TRUE(eventually(apart, kPatience));
}

}  // namespace
}  // namespace corun::fault
