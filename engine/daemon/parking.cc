#include "engine/daemon/parking.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <charconv>
#include <utility>

#include "core/log.h"
#include "core/text.h"

namespace corun::daemon {

namespace {

constexpr int kFirstDriver = 570;
constexpr Nanos kParkingPatience = std::chrono::minutes(2);
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

Parking::Parking(Poller& poller, Sharing& sharing, ParkingFacts facts)
    : poller_(poller), sharing_(sharing), facts_(std::move(facts)) {}

Parking::~Parking() {
  for (auto& [key, job] : jobs_) {
    poller_.remove(job.token);
    if (!job.process.wait(kParkingPatience)) log::error("parking of {} does not end", key);
  }
}

Status Parking::check(const std::string& key, bool park) const {
  if (jobs_.contains(key)) return failed(key + " is being parked or resumed", "ask again later");
  if (facts_.mps) return unsupported("clients of MPS cannot be parked");
  if (facts_.mig) return unsupported("processes on a MIG instance cannot be parked");
  if (major_version(facts_.driver) < kFirstDriver) {
    return unsupported("driver " + facts_.driver + " cannot park processes",
                       fmt::format("install R{} or newer", kFirstDriver));
  }
  const auto sessions = sharing_.sessions_of(key);
  if (sessions.empty()) return usage_error("no workload " + key + " runs on this GPU");
  for (const Session* session : sessions) {
    if (session->peer().pid > 0) continue;
    return unsupported(key + " runs in a PID namespace that corund does not see");
  }
  if (park && sharing_.parking(key) == ParkState::kParked) {
    return failed(key + " is parked already");
  }
  return {};
}

Result<Process> Parking::helper(const std::string& key, bool park) const {
  ProcessOptions options;
  options.argv = {facts_.program.string(), park ? "park" : "resume"};
  for (const Session* session : sharing_.sessions_of(key)) {
    options.argv.push_back(std::to_string(session->peer().pid));
  }
  options.out = Stream::null();
  options.err = Stream::pipe();
  return Process::start(options);
}

void Parking::start(const std::string& key, bool park, std::function<void(Status)> done) {
  if (const Status possible = check(key, park); !possible) return done(possible);
  // Its streams must drain before the driver can lock it: nothing holds them back from here on.
  const ParkState before = sharing_.parking(key);
  sharing_.set_parking(key, park ? ParkState::kParking : ParkState::kResuming);
  auto process = helper(key, park);
  if (!process) {
    sharing_.set_parking(key, before);
    return done(process.error());
  }
  const auto token =
      poller_.add(process->event_fd(), EPOLLIN, [this, key](uint32_t) { on_event(key); });
  if (!token) {
    process->wait(kParkingPatience);
    sharing_.set_parking(key, before);
    return done(token.error());
  }
  sharing_.note("park", fmt::format("{} {}", park ? "parking" : "resuming", key), monotonic_now());
  jobs_.emplace(key, Job{std::move(process).value(), park, *token, {}, std::move(done)});
}

void Parking::on_event(const std::string& key) {
  const auto found = jobs_.find(key);
  if (found == jobs_.end()) return;
  Job& job = found->second;
  const auto status = job.process.poll();
  if (job.said.size() < kMaxSaid) job.said += read_some(job.process.err_fd());
  if (status) finish(key, job, *status);
}

void Parking::finish(const std::string& key, Job& job, const ExitStatus& status) {
  poller_.remove(job.token);
  Status result;
  if (!status.ok()) {
    const std::string text = error_text(job.said, status);
    result = status.code == 3 ? unsupported(text) : failed(text);
  }
  // What failed leaves the processes running (gpu/park.h).
  const bool parked = job.park && status.ok();
  sharing_.set_parking(key, parked ? ParkState::kParked : ParkState::kRunning);
  sharing_.note("park",
                fmt::format("{} {}", key,
                            status.ok() ? (parked ? "is parked" : "runs again")
                                        : "runs: " + result.error().what),
                monotonic_now());
  const auto done = std::move(job.done);
  jobs_.erase(key);
  done(result);
}

void Parking::resume_all() {
  for (auto& [key, job] : jobs_) job.process.wait(kParkingPatience);
  while (!jobs_.empty()) on_event(std::string(jobs_.begin()->first));
  for (const std::string& key : sharing_.parked()) {
    start(key, false, [](const Status&) {});
    const auto found = jobs_.find(key);
    if (found == jobs_.end()) continue;
    found->second.process.wait(kParkingPatience);
    on_event(key);
  }
}

}  // namespace corun::daemon
