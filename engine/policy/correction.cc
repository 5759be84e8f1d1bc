#include "engine/policy/correction.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace corun::policy {

namespace {

constexpr double kGain = 0.5;       ///< so much of an error is taken back at once
constexpr double kLeastGot = 0.01;  ///< nobody counts as having got less
constexpr double kNoDifference = 1e-9;

/// GPU time of each contender, as its sessions say; nothing unless all are measured.
std::optional<std::vector<Nanos>> times_of(const View& view, const std::vector<double>& shares) {
  std::vector<Nanos> times(shares.size());
  for (const SessionView& session : view.sessions) {
    times[session.workload] = std::max(times[session.workload], session.state->last.workload_time);
  }
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] > 0 && times[i] <= Nanos(0)) return std::nullopt;
  }
  return times;
}

bool same_contenders(const View& view, const std::vector<double>& shares, const State& state) {
  size_t contenders = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] <= 0) continue;
    ++contenders;
    const auto known = state.corrections.find(*view.workloads[i].key);
    if (known == state.corrections.end()) return false;
    if (std::abs(known->second.share - shares[i]) > kNoDifference) return false;
  }
  return contenders == state.corrections.size();
}

void forget_looks(const View& view) {
  for (const SessionView& session : view.sessions) {
    session.state->looks = session.state->looks_waiting = 0;
  }
}

void forget_corrections(const View& view, State& state) {
  state.corrections.clear();
  state.slices_fail = false;
  forget_looks(view);
}

/// Some session of the workload was waiting nearly whenever it was looked at.
bool mostly_waited(const View& view, size_t workload) {
  return std::any_of(view.sessions.begin(), view.sessions.end(), [workload](const auto& one) {
    return one.workload == workload && one.state->looks > 0 &&
           one.state->looks_waiting >= kMostlyWaiting * one.state->looks;
  });
}

void begin_anew(const View& view, const std::vector<double>& shares,
                const std::vector<Nanos>& times, State& state) {
  forget_corrections(view, state);
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] <= 0) continue;
    state.corrections[*view.workloads[i].key] = {.share = shares[i], .factor = 1, .time = times[i]};
  }
}

void judge(const View& view, const std::vector<double>& shares, const std::vector<Nanos>& times,
           State& state) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  Nanos all{};
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] > 0) all += times[i] - state.corrections.at(*view.workloads[i].key).time;
  }
  if (all < kJudgedTime) return;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] <= 0) continue;
    Correction& one = state.corrections.at(*view.workloads[i].key);
    const double all_s = to_seconds(all);
    const double got_s = to_seconds(times[i] - one.time);
    const double share_s = shares[i] / sum * all_s;
    one.time = times[i];
    const bool starved = got_s < kClearlyLess * share_s && mostly_waited(view, i);
    one.starved = starved ? one.starved + 1 : 0;
    if (one.starved >= kStarvedFor) state.slices_fail = true;
    one.owed_s = std::clamp(one.owed_s + share_s - got_s, -all_s, all_s);
    const double error =
        std::max(kLeastGot * all_s, share_s + one.owed_s) / std::max(kLeastGot * all_s, got_s);
    if (std::abs(error - 1) < kShareTolerance) continue;
    one.factor =
        std::clamp(one.factor * std::pow(error, kGain), 1 / kMostCorrection, kMostCorrection);
  }
  forget_looks(view);
}

}  // namespace

std::vector<double> correct_shares(const View& view, const std::vector<double>& shares,
                                   State& state) {
  const auto times = times_of(view, shares);
  if (!times) {
    forget_corrections(view, state);
    return shares;
  }
  if (!same_contenders(view, shares, state)) begin_anew(view, shares, *times, state);
  judge(view, shares, *times, state);
  if (state.slices_fail) return shares;  // turns see to them
  std::vector<double> corrected = shares;
  double sum = 0;
  double weighted = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] <= 0) continue;
    corrected[i] *= state.corrections.at(*view.workloads[i].key).factor;
    sum += shares[i];
    weighted += corrected[i];
  }
  for (double& share : corrected) share *= sum / std::max(weighted, kNoDifference);
  return corrected;
}

}  // namespace corun::policy
