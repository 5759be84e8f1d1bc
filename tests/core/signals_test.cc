#include "core/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/wait.h"
#include "process_helpers.h"

namespace corun {
namespace {

TEST(InterruptGuard, ASignalBecomesAFlagAndAReadableDescriptor) {
  const InterruptGuard guard;
  EXPECT_FALSE(guard.requested());
  const int fd = guard.fd();
  EXPECT_FALSE(wait_readable({&fd, 1}, monotonic_now())[0]);
  raise(SIGINT);
  raise(SIGTERM);
  EXPECT_TRUE(guard.requested());
  EXPECT_EQ(guard.signal(), SIGINT) << "the first one";
  EXPECT_EQ(guard.count(), 2);
  EXPECT_TRUE(wait_readable({&fd, 1}, monotonic_now())[0]);
}

TEST(InterruptGuard, AWriteToAClosedPipeIsAnErrorNotTheEnd) {
  const InterruptGuard guard;
  int ends_of_pipe[2];
  ASSERT_EQ(pipe(ends_of_pipe), 0);
  close(ends_of_pipe[0]);
  EXPECT_EQ(write(ends_of_pipe[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends_of_pipe[1]);
}

TEST(InterruptGuard, ItsEndRestoresTheOldHandlers) {
  { const InterruptGuard guard; }
  struct sigaction action = {};
  sigaction(SIGINT, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
  const InterruptGuard again;
  EXPECT_FALSE(again.requested());
}

TEST(SignalName, KnownAndUnknownNumbers) {
  EXPECT_EQ(signal_name(SIGKILL), "SIGKILL");
  EXPECT_EQ(signal_name(200), "signal 200");
}

}  // namespace
}  // namespace corun
