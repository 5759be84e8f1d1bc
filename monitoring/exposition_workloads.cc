#include "monitoring/exposition_workloads.h"

#include <algorithm>
#include <map>

namespace corun::monitoring {

namespace {

struct FigureMetric {
  const char* metric;
  MetricType type;
  const char* help;
  const char* figure;
  double factor = 1;
  const char* labels = "";  ///< besides the usual ones
  bool with_label = false;  ///< how the figure came about is a label
};

constexpr double kMicro = 1e-6;
constexpr FigureMetric kWorkloadFigures[] = {
    {"corun_client_gpu_seconds", MetricType::kCounter, "GPU time of the workload.", "gpu_seconds",
     1, "", true},
    {"corun_client_wait_seconds", MetricType::kCounter,
     "Time that closed gates and turns took from the workload.", "gpu_wait_seconds", 1, "", true},
    {"corun_client_launches", MetricType::kCounter, "Kernel launches.", "launches"},
    {"corun_client_context_switches", MetricType::kCounter,
     "How often the GPU took up a context of the workload.", "context_switches"},
    {"corun_client_bursts", MetricType::kCounter, "Bursts of a latency-critical workload.",
     "bursts"},
    {"corun_client_slice_seconds", MetricType::kGauge, "Slices ordered for the workload.",
     "slice_us", kMicro},
    {"corun_client_burst_p50_seconds", MetricType::kGauge,
     "Median length of the latest bursts, from the first launch until drained.", "burst_p50_us",
     kMicro},
    {"corun_client_burst_p99_seconds", MetricType::kGauge,
     "99th percentile of the length of the latest bursts.", "burst_p99_us", kMicro},
    {"corun_preemptions", MetricType::kCounter, "Preemptions by channel-group controls.",
     "preemptions", 1, "reason=\"channel-group\""},
    {"corun_swap_bytes", MetricType::kCounter, "Device memory moved by parking, both ways.",
     "moved_bytes", 1, "direction=\"both\""},
    {"corun_parks", MetricType::kCounter, "Moves to host memory.", "parks"},
    {"corun_parked_seconds", MetricType::kCounter, "Time away from the GPU.", "parked_seconds"},
    {"corun_memory_used_bytes", MetricType::kGauge, "Device memory held.", "memory_bytes"},
    {"corun_memory_peak_bytes", MetricType::kGauge, "Most device memory held.",
     "memory_peak_bytes"},
    {"corun_ooms", MetricType::kCounter, "Allocations refused by the workload's limit.",
     "refusals"},
    {"corun_memory_waits", MetricType::kCounter, "Allocations that waited for memory.",
     "memory_waits"},
};

constexpr FigureMetric kDaemonFigures[] = {
    {"corun_gpu_wall_seconds", MetricType::kCounter,
     "Wall time since the daemon's start: what the GPU time is held against.", "wall_seconds"},
    {"corun_gpu_idle_seconds", MetricType::kCounter, "Time that the GPU was idle.", "idle_seconds",
     1, "", true},
    {"corun_switch_seconds", MetricType::kCounter, "Time between two contexts.",
     "switching_seconds"},
    {"corun_other_gpu_seconds", MetricType::kCounter,
     "GPU time of processes that are no workload of the daemon.", "other_seconds"},
    {"corun_workload_gpu_seconds", MetricType::kCounter,
     "GPU time of all workloads, those that are gone too.", "gpu_seconds", 1, "", true},
    {"corun_gpu_context_switches", MetricType::kCounter, "Context switches of the GPU.",
     "context_switches"},
    {"corun_gpu_lost_records", MetricType::kCounter,
     "Context switches that the driver's buffer had no room for.", "lost_records"},
};

void add_figure(const FigureMetric& metric, const Figures& figures, const std::string& labels,
                Exposition& out) {
  const auto found = figures.find(metric.figure);
  if (found == figures.end() || !found->second.value) return;
  std::string all = joined_labels(labels, metric.labels);
  if (metric.with_label) {
    all = joined_labels(all, labels_text({{"label", client::to_string(found->second.label)}}));
  }
  out.sample(all, *found->second.value * metric.factor);
}

std::string index_of(const Snapshot& snapshot, const std::string& uuid) {
  const Gpu* gpu = snapshot.find_gpu(uuid);
  return gpu == nullptr ? "" : std::to_string(gpu->index);
}

LabelPairs container_labels(const Container& container) {
  LabelPairs labels{{"container_id", container.short_id}};
  if (container.name) labels.emplace_back("container", *container.name);
  if (container.pod) {
    labels.emplace_back("pod_uid", container.pod->uid);
    if (container.pod->name) labels.emplace_back("pod", *container.pod->name);
    if (container.pod->namespace_name) {
      labels.emplace_back("namespace", *container.pod->namespace_name);
    }
  }
  return labels;
}

std::string workload_labels(const Snapshot& snapshot, const Workload& workload) {
  const std::string index = index_of(snapshot, workload.gpu);
  std::string text = labels_text({{"gpu", index},
                                  {"UUID", workload.gpu},
                                  {"gpu_uuid", workload.gpu},
                                  {"client", workload.workload},
                                  {"name", workload.name},
                                  {"user", workload.user},
                                  {"class", to_string(workload.service_class)},
                                  {"hostname", snapshot.node.hostname}});
  if (workload.containers.size() != 1) return text;
  const Container* container = snapshot.find_container(workload.containers.front());
  return container == nullptr ? text
                              : joined_labels(text, labels_text(container_labels(*container)));
}

/// Part of the GPU that a workload's weight gives it among those that run.
double entitled(const Snapshot& snapshot, const Workload& workload) {
  double weights = 0;
  for (const Workload& other : snapshot.workloads) {
    if (other.gpu == workload.gpu && other.state == "running") weights += other.weight;
  }
  if (workload.state != "running" || weights <= 0) return workload.min_share;
  return std::clamp(workload.weight / weights, workload.min_share,
                    std::max(workload.min_share, workload.max_share));
}

void add_shares(const Snapshot& snapshot, const std::vector<std::string>& labels, Exposition& out) {
  out.family("corun_share_ratio", MetricType::kGauge,
             "Part of the GPU that the workload's weight gives it, and that it had last.");
  for (size_t i = 0; i < labels.size(); ++i) {
    const Workload& workload = snapshot.workloads[i];
    out.sample(joined_labels(labels[i], "kind=\"entitled\""), entitled(snapshot, workload));
    if (const auto received = workload.rates.gpu_ratio.value) {
      out.sample(joined_labels(labels[i], "kind=\"received\""), *received);
    }
  }
  out.family("corun_memory_limit_bytes", MetricType::kGauge, "Limit of the device memory.");
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto limit = snapshot.workloads[i].memory_limit_bytes;
    if (limit) out.sample(labels[i], static_cast<double>(*limit));
  }
  out.family("corun_client_latency_target_seconds", MetricType::kGauge,
             "What the 99th percentile of the workload's bursts is to be.");
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto target = snapshot.workloads[i].latency_target_us;
    if (target) out.sample(labels[i], *target * kMicro);
  }
  out.family("corun_client_parked", MetricType::kGauge, "Whether the workload is in host memory.");
  for (size_t i = 0; i < labels.size(); ++i) {
    out.sample(labels[i], snapshot.workloads[i].state == "parked" ? 1 : 0);
  }
}

void add_bursts(const Snapshot& snapshot, const std::vector<std::string>& labels, Exposition& out) {
  out.family("corun_client_burst_seconds", MetricType::kHistogram,
             "How long the bursts of the workload took, from the first launch until drained.");
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto& lengths = snapshot.workloads[i].burst_lengths;
    if (!lengths) continue;
    std::vector<double> bounds = lengths->bounds_us;
    for (double& bound : bounds) bound /= 1e6;  // rounds right, as * 1e-6 does not
    out.histogram(labels[i], bounds, lengths->counts, lengths->sum_us / 1e6);
  }
}

}  // namespace

void add_daemons(const Snapshot& snapshot, const std::vector<std::string>& labels,
                 Exposition& out) {
  out.family("corun_daemon_up", MetricType::kGauge, "Whether a corund governs the GPU.");
  for (size_t i = 0; i < labels.size(); ++i) {
    out.sample(labels[i], snapshot.gpus[i].daemon ? 1 : 0);
  }
  out.family("corun_daemon", MetricType::kInfo, "The corund that governs the GPU.");
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto& daemon = snapshot.gpus[i].daemon;
    if (!daemon) continue;
    out.sample(joined_labels(labels[i], labels_text({{"version", daemon->version},
                                                     {"policy", daemon->policy},
                                                     {"backend", daemon->backend},
                                                     {"slices", daemon->slices},
                                                     {"gpu_time", daemon->gpu_time}})),
               1);
  }
  for (const FigureMetric& metric : kDaemonFigures) {
    out.family(metric.metric, metric.type, metric.help);
    for (size_t i = 0; i < labels.size(); ++i) {
      const auto& daemon = snapshot.gpus[i].daemon;
      if (daemon) add_figure(metric, daemon->figures, labels[i], out);
    }
  }
}

void add_workloads(const Snapshot& snapshot, const Tally::Counts& counts, Exposition& out) {
  std::vector<std::string> labels;
  for (const Workload& workload : snapshot.workloads) {
    labels.push_back(workload_labels(snapshot, workload));
  }
  for (const FigureMetric& metric : kWorkloadFigures) {
    out.family(metric.metric, metric.type, metric.help);
    for (size_t i = 0; i < labels.size(); ++i) {
      add_figure(metric, snapshot.workloads[i].figures, labels[i], out);
    }
  }
  add_shares(snapshot, labels, out);
  add_bursts(snapshot, labels, out);
  const auto histogram = [&](const char* name, const char* help, const auto& histograms) {
    out.family(name, MetricType::kHistogram, help);
    for (size_t i = 0; i < labels.size(); ++i) {
      const Workload& workload = snapshot.workloads[i];
      const auto found = histograms.find({workload.gpu, workload.workload});
      if (found == histograms.end()) continue;
      out.histogram(labels[i], kLengthBounds, found->second.counts, found->second.sum);
    }
  };
  histogram("corun_quantum_seconds", "How long the workload held the GPU at a stretch.",
            counts.quanta);
  histogram("corun_wait_length_seconds",
            "How long the workload waited at a stretch, as the collector's cycles saw it.",
            counts.waits);
}

void add_containers(const Snapshot& snapshot, Exposition& out) {
  struct Sum {
    std::string labels;
    double memory = 0;
    bool memory_known = false;
    double processes = 0;
  };
  std::map<std::pair<int, std::string>, Sum> sums;  // GPU, container
  for (const Gpu& gpu : snapshot.gpus) {
    for (const Process& process : gpu.processes) {
      const std::string id = process.container.value_or("");
      Sum& sum = sums[{gpu.index, id}];
      if (sum.labels.empty()) {
        const std::string index = std::to_string(gpu.index);
        LabelPairs pairs{{"gpu", index},
                         {"UUID", gpu.uuid},
                         {"gpu_uuid", gpu.uuid},
                         {"hostname", snapshot.node.hostname}};
        const Container* container = snapshot.find_container(id);
        const LabelPairs more =
            container == nullptr ? LabelPairs{{"container_id", id}} : container_labels(*container);
        pairs.insert(pairs.end(), more.begin(), more.end());
        sum.labels = labels_text(pairs);
      }
      ++sum.processes;
      if (!process.memory_bytes) continue;
      sum.memory += static_cast<double>(*process.memory_bytes);
      sum.memory_known = true;
    }
  }
  out.family("corun_container_processes", MetricType::kGauge,
             "Processes of a container (or of none) with a context on the GPU.");
  for (const auto& [key, sum] : sums) out.sample(sum.labels, sum.processes);
  out.family("corun_container_memory_used_bytes", MetricType::kGauge,
             "Device memory of a container's processes (or of those in none).");
  for (const auto& [key, sum] : sums) {
    if (sum.memory_known) out.sample(sum.labels, sum.memory);
  }
  out.family("corun_container", MetricType::kInfo, "A container with a process on a GPU.");
  for (const Container& container : snapshot.containers) {
    LabelPairs pairs = container_labels(container);
    pairs.emplace_back("runtime", container.runtime);
    if (container.image) pairs.emplace_back("image", *container.image);
    out.sample(labels_text(pairs), 1);
  }
}

}  // namespace corun::monitoring
