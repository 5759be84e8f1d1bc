#include "engine/policy/correction.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace corun::policy {

namespace {

constexpr double kGain = 0.5;       ///< so much of an error is learned at once
constexpr double kRepaid = 0.5;     ///< so much of what is owed is paid back until the next look
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
    session.state->looks = 0;
    session.state->looks_working = session.state->looks_waiting = 0;
  }
}

void forget_corrections(const View& view, State& state) {
  state.corrections.clear();
  state.slices_fail = false;
  forget_looks(view);
}

/// In so much of the looks some session of the workload did what `counted` counts.
bool mostly(const View& view, size_t workload, uint32_t SessionState::*counted, double looks) {
  return std::any_of(view.sessions.begin(), view.sessions.end(), [&](const auto& one) {
    return one.workload == workload && one.state->looks > 0 &&
           one.state->*counted >= looks * one.state->looks;
  });
}

/// What each is to get until the next judgement: its share, more if it is owed, less if it owes.
void set_meant(const View& view, const std::vector<double>& shares, double period_s, State& state) {
  double sum = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] <= 0) continue;
    Correction& one = state.corrections.at(*view.workloads[i].key);
    const double owed = period_s > 0 ? kRepaid * one.owed_s / period_s : 0;
    one.meant = std::clamp(shares[i] + owed, shares[i] / 2, shares[i] * 2);
    sum += one.meant;
  }
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] > 0) state.corrections.at(*view.workloads[i].key).meant /= sum;
  }
}

void begin_anew(const View& view, const std::vector<double>& shares,
                const std::vector<Nanos>& times, State& state) {
  forget_corrections(view, state);
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] <= 0) continue;
    state.corrections[*view.workloads[i].key] = {.share = shares[i], .time = times[i]};
  }
  set_meant(view, shares, 0, state);
}

/// What one got since the last judgement.
struct Got {
  size_t workload = 0;
  Correction* correction = nullptr;
  double share_s = 0;  ///< of the contenders' time, by the shares
  double got_s = 0;
  bool worked = false;  ///< nearly all the time
  bool waited = false;
};

std::vector<Got> look(const View& view, const std::vector<double>& shares,
                      const std::vector<Nanos>& times, State& state) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<Got> found;
  double all_s = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] <= 0) continue;
    Correction& one = state.corrections.at(*view.workloads[i].key);
    found.push_back({.workload = i,
                     .correction = &one,
                     .share_s = shares[i] / sum,
                     .got_s = to_seconds(times[i] - one.time),
                     .worked = mostly(view, i, &SessionState::looks_working, kAllLooks),
                     .waited = mostly(view, i, &SessionState::looks_waiting, kMostLooks)});
    all_s += found.back().got_s;
  }
  for (Got& one : found) {
    one.share_s *= all_s;
    // Slices are never kept from whoever wants them: nothing at all is no work, whatever it showed.
    one.worked = one.worked && one.got_s >= kLeastGot * all_s;
  }
  return found;
}

/// Whether it has that, whoever got less than its share.
bool all_short(const std::vector<Got>& all, bool Got::*what) {
  return std::all_of(all.begin(), all.end(), [what](const Got& one) {
    return one.got_s >= one.share_s * (1 - kShareTolerance) || one.*what;
  });
}

void learn(const Got& got, double all_s, bool owing, State& state) {
  Correction& one = *got.correction;
  const bool starved = one.factor >= 1 && got.got_s < kClearlyLess * got.share_s && got.waited;
  one.starved = starved ? one.starved + 1 : 0;
  if (one.starved >= kStarvedFor) state.slices_fail = true;
  if (owing) one.owed_s = std::clamp(one.owed_s + got.share_s - got.got_s, -all_s, all_s);
  const double error = one.meant * all_s / std::max(kLeastGot * all_s, got.got_s);
  if (std::abs(error - 1) < kShareTolerance) return;
  one.factor =
      std::clamp(one.factor * std::pow(error, kGain), 1 / kMostCorrection, kMostCorrection);
}

void judge(const View& view, const std::vector<double>& shares, const std::vector<Nanos>& times,
           State& state) {
  const std::vector<Got> all = look(view, shares, times, state);
  double all_s = 0;
  for (const Got& one : all) all_s += one.got_s;
  if (all_s < to_seconds(kJudgedTime)) return;
  // Who had no work for a part of the time was to get less: nothing is learned from that.
  const bool contended = all_short(all, &Got::worked);
  const bool owing = all_short(all, &Got::waited);
  for (const Got& one : all) {
    one.correction->time = times[one.workload];
    if (contended) learn(one, all_s, owing, state);
  }
  if (contended) set_meant(view, shares, all_s, state);
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
    const Correction& one = state.corrections.at(*view.workloads[i].key);
    corrected[i] = one.meant * one.factor;
    sum += shares[i];
    weighted += corrected[i];
  }
  for (double& share : corrected) share *= sum / std::max(weighted, kNoDifference);
  return corrected;
}

}  // namespace corun::policy
