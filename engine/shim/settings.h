// Every number of libcorun.so that a measurement may change, in one place. Times say their unit in
// the name. What the GPU allows (read-only registration, stream waits) is found out at run time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace corun::shim {

/// Devices of one process that can have a session; further ones run as if corun were absent.
inline constexpr int kMaxDevices = 16;
/// Contexts of one process whose device is remembered.
inline constexpr int kMaxContexts = 64;
/// Streams of one device whose work is followed one by one.
inline constexpr int kMaxStreams = 128;
/// Channel groups that are followed: a context makes about five (docs/adr/0005-gate-protocol.md).
inline constexpr int kMaxChannelGroups = 256;
/// Sessions that one process may join in its life: pages of former ones stay mapped, since the GPU
/// may still be told to look at them. A daemon that flaps ends here.
inline constexpr int kMaxJoins = 1000;

/// Connecting to the daemon and its answer together; the workload waits for it once.
inline constexpr int64_t kJoinTimeoutMs = 200;
inline constexpr uint64_t kJoinRetryNs = 1'000'000'000;
/// The shim's thread shows that it lives at least this often.
inline constexpr uint64_t kHeartbeatNs = 100'000'000;
/// At the process's end, for locks that another thread holds.
inline constexpr uint64_t kExitPatienceNs = 200'000'000;
/// A new session whose lease the daemon has not begun yet counts as alive this long.
inline constexpr uint64_t kFirstLeaseNs = 1'000'000'000;

/// A slice set when its channel group is being scheduled first is accepted and has no effect; 0.2 s
/// later it works (measured on an H100, docs/adr/0005-gate-protocol.md).
inline constexpr uint64_t kSliceSettleNs = 200'000'000;
/// A refused slice is tried again, this often in all.
inline constexpr int kSliceTries = 3;
/// PREEMPT: whether the control waits until the group has left the GPU.
inline constexpr bool kPreemptWaits = false;

/// Assumed duration of a kernel or graph that was never measured.
inline constexpr uint32_t kUnknownNs = 100'000;
/// A graph that was updated is cloned again only if it was launched this often since the update
/// before: a clone costs about as much as some launches.
inline constexpr uint32_t kLaunchesPerClone = 8;
/// Assumed rates of copies over the bus and inside a device, bytes per us, and what one costs
/// besides.
inline constexpr uint64_t kCopyBytesPerUs = 20'000;
inline constexpr uint64_t kDeviceBytesPerUs = 1'000'000;
inline constexpr uint32_t kCopyFixedNs = 2'000;
/// A known kernel is measured once per this many launches (a power of two).
inline constexpr uint32_t kSampleEvery = 1024;

/// A burst that nobody synchronises with is looked at after this much quiet time; while launches
/// come, it is looked whether they still do, the later the longer it lasts, at most so late.
inline constexpr uint64_t kQuietNs = 200'000;
inline constexpr uint64_t kLongestLookNs = 1'000'000;
/// The same of work that closes no gate (Burst::kWorking): it matters to turns, which pass on after
/// 2 ms without any. A look is a wake-up, and a training's work never ends: 5000 looks a second
/// cost a tenth of a core. Who synchronised with all of its work lately is looked at as seldom from
/// the start: a server's requests follow each other without a gap that a look would see.
inline constexpr uint64_t kWorkQuietNs = 1'000'000;
inline constexpr uint64_t kLongestWorkLookNs = 2'000'000;
/// The same where the stream cannot be asked (a per-thread default stream of another thread).
inline constexpr uint64_t kBlindQuietNs = 5'000'000;
/// The last part of a linger is spun through, since a sleep ends that late.
inline constexpr uint64_t kSpinNs = 8'000;
/// Timer slack of the thread while it has a gate to open, and otherwise (the kernel's default).
inline constexpr unsigned long kFineSlackNs = 1'000;
inline constexpr unsigned long kCoarseSlackNs = 50'000;

/// A kernel that holds the GPU ends by itself so long after the last begin of a burst: a typical
/// burst, the linger and this; at most kHoldMostNs.
inline constexpr uint64_t kHoldSpareNs = 300'000;
inline constexpr uint64_t kHoldMostNs = 20'000'000;
/// It is launched so late in a burst: behind the burst's first launches, and before the group can
/// have come to the GPU and be done with them.
inline constexpr uint64_t kHoldDelayNs = 60'000;
/// Bursts that have to be known before one is held.
inline constexpr uint32_t kHoldAfterBursts = 8;
/// Bursts that are not held after one that lasted to the limit, doubled so many times at most.
inline constexpr uint32_t kHoldRest = 16;
inline constexpr uint32_t kHoldStrikes = 6;
/// A thread that waits for the daemon looks again this often: the daemon may be gone.
inline constexpr uint64_t kLookAgainNs = 100'000'000;
/// At its end a parked process waits to come back for this long.
inline constexpr uint64_t kLongestAtExitNs = 60'000'000'000;
/// A process that its daemon left parked asks the driver this often whether it is on the GPU again.
inline constexpr uint64_t kOwnStateNs = 20'000'000;
/// A notice that the daemon's socket did not take is sent again after this.
inline constexpr uint64_t kNoticeRetryNs = 10'000'000;
/// The daemon's answer about memory may come this much later than its own bound.
inline constexpr uint64_t kAnswerSlackNs = 1'000'000'000;
/// So long the driver is asked again for memory that should be free, and so often.
inline constexpr uint64_t kReleaseNs = 1'000'000'000;
inline constexpr uint64_t kReleaseLookNs = 10'000'000;

/// A map of at least so many bytes that the driver makes while it parks the process is touched in
/// pieces of this size, by half of the processors but no more threads than that (preload/mmap.cc).
inline constexpr uint64_t kRoomLeast = uint64_t{64} << 20;
inline constexpr uint64_t kRoomPiece = uint64_t{64} << 20;
inline constexpr long kRoomThreads = 8;

/// Granules of device memory: what one allocation is rounded up to when it is counted.
inline constexpr uint64_t kAllocationGranule = 512;
inline constexpr uint64_t kPhysicalGranule = uint64_t{2} << 20;

}  // namespace corun::shim
