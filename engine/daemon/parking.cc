#include "engine/daemon/parking.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/process_tree.h"
#include "core/text.h"
#include "core/units.h"

namespace corun::daemon {

namespace {

constexpr int kFirstDriver = 570;
constexpr int kFirstDriverWithSharedMemory = 610;
constexpr Nanos kParkEndPatience = std::chrono::minutes(2);
/// A call may be inside of the driver for so long before parking is given up: as long as the driver
/// itself waits for work to end.
constexpr Nanos kReadyPatience = std::chrono::seconds(10);
/// A shim that shows no sign of life for so long does not answer any more.
constexpr Nanos kSilentPatience = std::chrono::milliseconds(1500);
constexpr Nanos kBetweenParkLooks = std::chrono::milliseconds(50);
/// One that has to be idle makes no call for so long: a tick has read its counters meanwhile.
constexpr Nanos kNoCall = 2 * kTick;
constexpr size_t kMaxSaid = 4096;

int major_version(const std::string& driver) {
  int major = 0;
  std::from_chars(driver.data(), driver.data() + driver.size(), major);
  return major;
}

/// What the helper has written to standard error so far.
std::string read_some(int fd) {
  char bytes[4096];
  const ssize_t n = read(fd, bytes, sizeof bytes);
  return n > 0 ? std::string(bytes, static_cast<size_t>(n)) : std::string();
}

/// The text of "corun: error: TEXT".
std::string error_text(const std::string& said, const ExitStatus& status) {
  constexpr std::string_view kPrefix = "error: ";
  const size_t at = said.find(kPrefix);
  if (at == std::string::npos) return "corun-park: " + status.text();
  const size_t start = at + kPrefix.size();
  return one_line(said.substr(start, said.find('\n', start) - start));
}

}  // namespace

Status can_park(const ParkingFacts& facts) {
  if (facts.mps) return unsupported("clients of MPS cannot be parked");
  if (facts.mig) return unsupported("processes on a MIG instance cannot be parked");
  if (major_version(facts.driver) >= kFirstDriver) return {};
  return unsupported("driver " + facts.driver + " cannot park processes",
                     fmt::format("install R{} or newer", kFirstDriver));
}

bool parks_shared_memory(const ParkingFacts& facts) {
  return major_version(facts.driver) >= kFirstDriverWithSharedMemory;
}

Parking::Parking(Poller& poller, Sharing& sharing, Rescue& rescue, ParkingFacts facts)
    : poller_(poller), sharing_(sharing), rescue_(rescue), facts_(std::move(facts)) {}

Parking::~Parking() {
  for (auto& [key, job] : jobs_) {
    if (!job.process) continue;
    poller_.remove(job.token);
    if (!job.process->wait(kParkEndPatience)) log::error("parking of {} does not end", key);
  }
}

Status Parking::check(const std::string& key, bool park) const {
  if (jobs_.contains(key)) return failed(key + " is being parked or resumed", "ask again later");
  CORUN_TRY(can_park(facts_));
  if (sharing_.sessions_of(key).empty()) {
    return usage_error("no workload " + key + " runs on this GPU");
  }
  const bool parked = sharing_.parking(key) == ParkState::kParked;
  if (park && parked) return failed(key + " is parked already");
  if (!park && !parked) return failed(key + " is not parked");
  if (const auto why = park ? sharing_.unparkable(key) : std::nullopt) {
    return unsupported(key + " cannot be parked: " + *why);
  }
  return {};
}

// --- operators ----------------------------------------------------------------------------------

void Parking::park(const std::string& key, bool until_resume, std::function<void(Status)> done) {
  if (const Status possible = check(key, true); !possible) return done(possible);
  const char* until = until_resume ? "an operator parked it, until he resumes it"
                                   : "an operator parked it, until its next GPU call";
  Job job{.until_resume = until_resume,
          .only_if_idle = !until_resume,
          .why = until,
          .done = std::move(done)};
  announce(key, std::move(job), monotonic_now());
}

void Parking::resume(const std::string& key, std::function<void(Status)> done) {
  if (const Status possible = check(key, false); !possible) return done(possible);
  const Instant now = monotonic_now();
  sharing_.ask_back(key, now);
  bool comes = false;
  for (const ParkOrder& order : sharing_.take_park_orders()) {
    const bool own = !order.park && order.workload == key;
    comes = comes || own;
    carry_out(order, own ? done : nullptr, now);
  }
  if (comes) return;
  done(failed(fmt::format("{} of {} do not fit on the GPU now",
                          format_bytes(sharing_.parked_bytes(key)), key),
              "it comes back by itself as soon as they do"));
}

void Parking::carry_out(const ParkOrder& order, std::function<void(Status)> done, Instant now) {
  Job job{.park = order.park, .only_if_idle = order.only_if_idle, .done = std::move(done)};
  if (order.park) {
    announce(order.workload, std::move(job), now);
  } else {
    bring_back(order.workload, std::move(job), now);
  }
}

// --- moves --------------------------------------------------------------------------------------

void Parking::announce(const std::string& key, Job job, Instant now) {
  if (const Status possible = check(key, true); !possible) {
    sharing_.park_changed({.workload = key, .ok = false}, "", now);
    sharing_.note("park", fmt::format("{}: {}", key, possible.error().what), now);
    if (job.done) job.done(possible);
    return;
  }
  job.began = now;
  job.held_before = held_calls(key);
  job.bytes = sharing_.parked_bytes(key);
  const std::string why = job.why;
  const bool until_resume = job.until_resume;
  jobs_.emplace(key, std::move(job));
  sharing_.note("park", fmt::format("parking {}", key), now);
  sharing_.park_changed(
      {.workload = key, .state = ParkState::kParking, .until_resume = until_resume}, why, now);
  tell_rescue();
}

void Parking::bring_back(const std::string& key, Job job, Instant now) {
  job.park = false;
  if (const Status possible = check(key, false); !possible) {
    if (job.done) job.done(possible);
    return;
  }
  job.began = now;
  job.bytes = sharing_.parked_bytes(key);
  Job& kept = jobs_.emplace(key, std::move(job)).first->second;
  sharing_.note("park", fmt::format("resuming {}", key), now);
  sharing_.park_changed({.workload = key, .state = ParkState::kResuming}, "", now);
  start_helper(key, kept, now);
}

uint64_t Parking::held_calls(const std::string& key) const {
  uint64_t calls = 0;
  for (const Session* session : sharing_.sessions_of(key)) {
    calls += session->counters().held_calls();
  }
  return calls;
}

std::optional<Instant> Parking::advance(Instant now) {
  for (const ParkOrder& order : sharing_.take_park_orders()) carry_out(order, nullptr, now);
  std::vector<std::string> announced;
  for (const auto& [key, job] : jobs_) {
    if (!job.process) announced.push_back(key);
  }
  for (const std::string& key : announced) look_at_announced(key, now);
  const bool more = std::any_of(jobs_.begin(), jobs_.end(),
                                [](const auto& entry) { return !entry.second.process; });
  return more ? std::optional(now + kBetweenParkLooks) : std::nullopt;
}

void Parking::look_at_announced(const std::string& key, Instant now) {
  Job& job = jobs_.at(key);
  const auto sessions = sharing_.sessions_of(key);
  if (sessions.empty()) return end(key, failed(key + " ended"), false, now);
  if (job.only_if_idle && held_calls(key) > job.held_before) {
    return end(key,
               failed(key + " used the GPU before it was parked",
                      "give --until-resume to hold it all the same"),
               true, now);
  }
  bool ready = true;
  for (const Session* session : sessions) {
    ready = ready && session->ready_to_park();
    const Instant sign = std::max(session->counters().heartbeat(), job.began);
    if (session->ready_to_park() || now - sign < kSilentPatience) continue;
    return end(key,
               failed(fmt::format("process {} of {} does not answer", session->peer().pid, key),
                      "it may be stopped"),
               false, now);
  }
  const bool quiet = !job.only_if_idle || now - job.began >= kNoCall;
  if (ready && quiet) return start_helper(key, job, now);
  if (now - job.began < kReadyPatience) return;
  end(key, failed(fmt::format("a GPU call of {} does not end", key)), false, now);
}

void Parking::start_helper(const std::string& key, Job& job, Instant now) {
  ProcessOptions options;
  options.argv = {facts_.program.string(), job.park ? "park" : "resume"};
  if (!job.park) options.argv.insert(options.argv.end(), {"--gpu", facts_.gpu_uuid});
  for (const auto& [pid, bytes] : sharing_.parked_processes(key)) {
    options.argv.push_back(job.park ? std::to_string(pid) : fmt::format("{}:{}", pid, bytes));
  }
  options.out = Stream::null();
  options.err = Stream::pipe();
  auto process = Process::start(options);
  if (!process) return end(key, process.error(), false, now);
  const auto token =
      poller_.add(process->event_fd(), EPOLLIN, [this, key](uint32_t) { on_event(key); });
  if (!token) {
    process->wait(kParkEndPatience);
    return end(key, token.error(), false, now);
  }
  job.process = std::move(process).value();
  job.token = *token;
  job.began = now;
}

void Parking::on_event(const std::string& key) {
  const auto found = jobs_.find(key);
  if (found == jobs_.end()) return;
  Job& job = found->second;
  const auto status = job.process->poll();
  if (job.said.size() < kMaxSaid) job.said += read_some(job.process->err_fd());
  if (!status) return;
  poller_.remove(job.token);
  Status result;
  if (!status->ok()) {
    const std::string text = error_text(job.said, *status);
    result = status->code == 3 ? unsupported(text) : failed(text);
  }
  job.half_way = job.park && status->signal.has_value();
  end(key, result, false, monotonic_now());
}

/// What failed to be parked runs (gpu/park.h); what failed to come back is still in host memory. So
/// may be, in part, what a killed helper had begun, which the driver may still carry out: it counts
/// as parked until another helper has looked at each process.
void Parking::end(const std::string& key, const Status& result, bool busy, Instant now) {
  auto job = jobs_.extract(key);
  const Job& done = job.mapped();
  const bool away = done.park == result.has_value() || done.half_way;
  policy::ParkChanged event{.workload = key,
                            .state = away ? ParkState::kParked : ParkState::kRunning,
                            .ok = result.has_value(),
                            .busy = busy,
                            .bytes = result ? done.bytes : 0,
                            .took = now - done.began};
  std::string what = away ? "is parked" : "runs";
  if (result) {
    what += fmt::format(", {} in {}", format_bytes(event.bytes), format_duration(event.took));
  } else {
    what += ": " + result.error().what;
  }
  sharing_.note("park", fmt::format("{} {}", key, what), now);
  sharing_.park_changed(event, result ? "" : result.error().what, now);
  tell_rescue();
  if (done.half_way) sharing_.ask_back(key, now);
  if (done.done) done.done(result);
}

void Parking::tell_rescue() {
  std::vector<Rescue::Entry> entries;
  for (const std::string& key : sharing_.away()) {
    for (const auto& [pid, bytes] : sharing_.parked_processes(key)) {
      if (const auto identity = identify(pid)) {
        entries.push_back({identity->pid, identity->start_ticks, bytes});
      }
    }
  }
  rescue_.set(entries);
}

void Parking::resume_all() {
  for (auto& [key, job] : jobs_) {
    if (job.process) job.process->wait(kParkEndPatience);
  }
  std::vector<std::string> keys;
  for (const auto& [key, job] : jobs_) keys.push_back(key);
  for (const std::string& key : keys) {
    if (jobs_.at(key).process) {
      on_event(key);
    } else {
      end(key, failed("the daemon ends"), true, monotonic_now());
    }
  }
  for (const std::string& key : sharing_.away()) {
    bring_back(key, {}, monotonic_now());
    const auto found = jobs_.find(key);
    if (found == jobs_.end()) continue;
    if (found->second.process) found->second.process->wait(kParkEndPatience);
    on_event(key);
  }
}

}  // namespace corun::daemon
