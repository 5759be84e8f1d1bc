// Warming up where the rate never settles: an error for the harness, a remark for a person.
#include <gtest/gtest.h>

#include "workloads/tenant/session.h"

namespace corun::tenant {
namespace {

/// A workload on a GPU that others use: its rate doubles from window to window.
class Unsteady final : public Workload {
 public:
  WorkloadKind kind() const override { return WorkloadKind::kSynthetic; }
  std::string unit() const override { return "items/s"; }
  Status initialise() override { return {}; }
  Status calibrate() override { return {}; }
  Result<WarmFigures> warm(Nanos) override {
    rate_ *= 2;
    return WarmFigures{.rate = rate_, .settling = rate_};
  }
  Result<WindowOutcome> run(const Window&, Recorder&) override { return WindowOutcome{}; }
  Result<std::optional<Verification>> verify() override { return std::optional<Verification>(); }
  uint64_t memory_bytes() const override { return 0; }
  std::vector<std::string> take_notes() override { return {}; }

 private:
  double rate_ = 1;
};

TEST(WarmUp, ARateThatNeverSettlesIsAnErrorForTheHarness) {
  Unsteady workload;
  const Result<double> rate = warm_up(workload, Nanos(0), Nanos(1));
  ASSERT_FALSE(rate);
  EXPECT_EQ(rate.error().what, "not warm after 0.0 s: the last rates are 2 items/s");
}

TEST(WarmUp, AndARemarkOnlyForAPersonWhoSharesTheGpu) {
  Unsteady workload;
  const Result<WarmUp> warm = try_to_warm_up(workload, Nanos(0), Nanos(1));
  ASSERT_TRUE(warm);
  EXPECT_EQ(warm->rate, 2);
  EXPECT_TRUE(warm->unsteady);
}

}  // namespace
}  // namespace corun::tenant
