#include "engine/daemon/control.h"

#include <fmt/format.h>

#include <charconv>

#include "core/json_values.h"
#include "core/log.h"
#include "engine/daemon/state_file.h"

namespace corun::daemon {

namespace {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

/// As the kernel module does it: everybody may know when the GPU was used, but not by whom.
void hide_others(client::Slices& slices, uid_t user) {
  const std::string own = fmt::format("{}/", user);
  for (client::SliceEntry& entry : slices.entries) {
    if (entry.workload.starts_with(own)) continue;
    entry.workload.clear();
    entry.pid = 0;
  }
}

}  // namespace

Result<std::string> workload_key_of(uid_t asking, const std::string& text) {
  std::string_view name = text;
  uid_t user = asking;
  const size_t slash = text.find('/');
  if (slash != std::string::npos) {
    const char* end = text.data() + slash;
    const auto [stop, error] = std::from_chars(text.data(), end, user);
    name.remove_prefix(slash + 1);
    if (error != std::errc() || stop != end) name = {};
  }
  if (!is_workload_name(name)) {
    return usage_error("no name of a workload: '" + text.substr(0, wire::kNameBytes) + "'",
                       "use NAME or UID/NAME");
  }
  return workload_key(user, name);
}

Control::Control(Sharing& sharing, Parker& parker, ControlOptions options)
    : sharing_(sharing), parker_(parker), options_(std::move(options)) {}

void Control::handle(const Peer& peer, std::string_view line, Instant now, const Reply& reply) {
  const auto request = parse_request(line);
  if (!request) return reply(error_reply(request.error()));
  if (changes_something(*request) && !is_trusted(peer)) {
    if (peer.contained) {
      return reply(error_reply(usage_error("this daemon is not changed from inside a container",
                                           "use corun on the host")));
    }
    return reply(
        error_reply(usage_error(fmt::format("user {} may not change this daemon", peer.user),
                                fmt::format("ask its user ({}) or root", options_.user))));
  }
  if (const auto* park = std::get_if<ParkRequest>(&*request)) {
    const auto key = workload_key_of(peer.user, park->workload);
    if (!key) return reply(error_reply(key.error()));
    const auto done = [reply](const Status& moved) {
      reply(moved ? ok_reply() : error_reply(moved.error()));
    };
    if (park->park) return parker_.park(*key, park->until_resume, done);
    return parker_.resume(*key, done);
  }
  const auto text = answer(peer, *request, now);
  reply(text ? *text : error_reply(text.error()));
}

bool Control::is_trusted(const Peer& peer) const {
  return !peer.contained && (peer.user == 0 || peer.user == options_.user);
}

Result<std::string> Control::answer_slices(const Peer& peer, const SlicesRequest& request) const {
  std::string key;
  if (!request.workload.empty()) {
    CORUN_ASSIGN(key, workload_key_of(peer.user, request.workload));
    if (!is_trusted(peer) && !key.starts_with(fmt::format("{}/", peer.user))) {
      return usage_error(fmt::format("user {} may not see when {} had the GPU", peer.user, key),
                         fmt::format("ask its user, this daemon's ({}) or root", options_.user));
    }
  }
  CORUN_ASSIGN(client::Slices found, sharing_.slices(key, request.since));
  if (!is_trusted(peer)) hide_others(found, peer.user);
  return ok_reply(client::to_json(found));
}

Result<std::string> Control::answer(const Peer& peer, const Request& request, Instant now) {
  using Answer = Result<std::string>;
  return std::visit(
      Overloaded{[&](const StatusRequest&) -> Answer {
                   client::DaemonStatus status = sharing_.status(now);
                   status.state_file = options_.state_file.string();
                   status.watchdog = watchdog_;
                   return ok_reply({{"status", client::to_json(status)}});
                 },
                 [&](const SetRequest& set) -> Answer {
                   CORUN_ASSIGN(const std::string key,
                                workload_key_of(peer.user, set.change.workload));
                   CORUN_TRY(sharing_.set(key, set.change, now));
                   CORUN_TRY(save());
                   return ok_reply();
                 },
                 [&](const SettingsRequest& settings) -> Answer {
                   if (settings.changes) {
                     CORUN_TRY(sharing_.change_settings(settings.change, now));
                     CORUN_TRY(save());
                   }
                   return ok_reply({{"settings", client::to_json(sharing_.settings())}});
                 },
                 [&](const TraceRequest& trace) -> Answer {
                   std::string key;
                   if (!trace.workload.empty()) {
                     CORUN_ASSIGN(key, workload_key_of(peer.user, trace.workload));
                   }
                   CORUN_ASSIGN(const client::Trace found, sharing_.trace(key, trace.since));
                   return ok_reply(client::to_json(found));
                 },
                 [&](const SlicesRequest& slices) -> Answer { return answer_slices(peer, slices); },
                 [&](const EventsRequest& events) -> Answer {
                   return ok_reply(client::to_json(sharing_.events(events.since)));
                 },
                 [&](const ParkRequest&) -> Answer { return failed("park is answered elsewhere"); },
                 [&](const ShutdownRequest&) -> Answer {
                   shutdown_ = true;
                   return ok_reply();
                 }},
      request);
}

/// The change is in force already when it cannot be kept: the operator is told.
Status Control::save() {
  if (options_.state_file.empty()) return {};
  const Status saved = save_state(options_.state_file, sharing_.persistent());
  if (saved) return {};
  return failed("in force, but not kept for the next start: " + saved.error().what,
                saved.error().todo);
}

}  // namespace corun::daemon
