#include "simgpu/tools/smi.h"

#include <fmt/format.h>

#include <algorithm>

#include "simgpu/nvml/api.h"
#include "simgpu/tools/smi_fields.h"

namespace corun::simgpu {

namespace {

namespace api = nvml_api;
using nvml::Code;

constexpr char kHelp[] =
    "nvidia-smi of a SIMULATED node.\n"
    "  (no option)                          a table of GPUs and processes\n"
    "  -L                                   one line for each GPU\n"
    "  -q                                   a GPU's readings, one a line\n"
    "  -i ID                                only this GPU (index or UUID)\n"
    "  --query-gpu=FIELD,... --format=csv[,noheader][,nounits]\n"
    "  --query-compute-apps=FIELD,... --format=csv[,noheader][,nounits]\n";

std::string value_of(const SmiGpu& gpu, const char* field, bool units = true) {
  const SmiValue value = gpu_fields().find(field)->second(gpu);
  return units && !value.unit.empty() ? value.text + " " + value.unit : value.text;
}

Result<std::vector<SmiGpu>> list_gpus(const std::string& id) {
  unsigned count = 0;
  if (api::nvmlInit() != Code::kSuccess || api::nvmlDeviceGetCount(&count) != Code::kSuccess) {
    return failed("no simulated node", "set CORUN_SIM_NODE to the folder of a running one");
  }
  std::vector<SmiGpu> gpus;
  for (unsigned i = 0; i < count; ++i) {
    SmiGpu gpu{i, nullptr};
    api::nvmlDeviceGetHandleByIndex(i, &gpu.handle);
    if (id.empty() || id == std::to_string(i) || id == value_of(gpu, "uuid")) gpus.push_back(gpu);
  }
  if (gpus.empty()) return failed("No devices were found: " + id);
  return gpus;
}

struct ListedApp {
  SmiApp app;
  bool mps = false;
};

std::vector<ListedApp> list_apps(const std::vector<SmiGpu>& gpus) {
  std::vector<ListedApp> apps;
  for (const SmiGpu& gpu : gpus) {
    for (const bool mps : {false, true}) {
      std::vector<nvml::ProcessInfo> processes(1024);
      auto count = static_cast<unsigned>(processes.size());
      const auto call = mps ? api::nvmlDeviceGetMPSComputeRunningProcesses
                            : api::nvmlDeviceGetComputeRunningProcesses;
      if (call(gpu.handle, &count, processes.data()) != Code::kSuccess) continue;
      for (unsigned i = 0; i < count; ++i) apps.push_back({{gpu, processes[i]}, mps});
    }
  }
  return apps;
}

/// One CSV table: header line, then one line an item.
template <typename Item, typename Fields>
std::string csv(const SmiRequest& request, const Fields& fields, const std::vector<Item>& items) {
  std::string text;
  const auto line = [&](auto&& cell) {
    for (size_t i = 0; i < request.fields.size(); ++i) {
      text += (i == 0 ? "" : ", ") + cell(request.fields[i]);
    }
    text += "\n";
  };
  if (request.header) {
    line([&](const std::string& name) {
      if (items.empty()) return name;
      const SmiValue value = fields.find(name)->second(items.front());
      return value.unit.empty() ? name : fmt::format("{} [{}]", name, value.unit);
    });
  }
  for (const Item& item : items) {
    line([&](const std::string& name) {
      const SmiValue value = fields.find(name)->second(item);
      return request.units && !value.unit.empty() ? value.text + " " + value.unit : value.text;
    });
  }
  return text;
}

constexpr char kRule[] =
    "+-----------------------------------------------------------------------------------------+\n";

std::string row(const std::string& text) { return fmt::format("| {:<87} |\n", text); }

std::string table(const std::vector<SmiGpu>& gpus) {
  std::string text = kRule;
  text += row(fmt::format("NVIDIA-SMI (SIMULATED)      Driver Version: {}      CUDA Version: 11.8",
                          value_of(gpus.front(), "driver_version")));
  text += kRule;
  text += row("GPU  Name                       Bus-Id              Temp   Power:Usage/Cap");
  text += row("     Memory-Usage               GPU-Util            Compute M.   MIG M.");
  text += kRule;
  for (const SmiGpu& gpu : gpus) {
    text +=
        row(fmt::format("{:>3}  {:<26} {:<19} {:>3}C   {} / {}", gpu.index, value_of(gpu, "name"),
                        value_of(gpu, "pci.bus_id"), value_of(gpu, "temperature.gpu"),
                        value_of(gpu, "power.draw"), value_of(gpu, "power.limit")));
    text += row(fmt::format("     {:<26} {:<19} {:<12} {}",
                            value_of(gpu, "memory.used") + " / " + value_of(gpu, "memory.total"),
                            value_of(gpu, "utilization.gpu"), value_of(gpu, "compute_mode"),
                            value_of(gpu, "mig.mode.current")));
  }
  text += kRule;
  text += row("Processes:");
  text += row("GPU        PID   Type   Process name                                 GPU Memory");
  for (const ListedApp& one : list_apps(gpus)) {
    const std::string name = app_fields().find("process_name")->second(one.app).text;
    text += row(fmt::format("{:>3} {:>10}   {:<4}   {:<42} {:>9}MiB", one.app.gpu.index,
                            one.app.process.pid, one.mps ? "M+C" : "C", name.substr(0, 42),
                            one.app.process.used_memory >> 20));
  }
  return text + kRule;
}

std::string details(const std::vector<SmiGpu>& gpus) {
  std::string text = "==============NVSMI LOG (SIMULATED)==============\n";
  for (const SmiGpu& gpu : gpus) {
    text += fmt::format("\nGPU {}\n", value_of(gpu, "pci.bus_id"));
    for (const auto& [name, read] : gpu_fields()) {
      text += fmt::format("    {:<40}: {}\n", name, value_of(gpu, name.c_str()));
    }
  }
  return text;
}

}  // namespace

Result<std::string> answer_smi(const SmiRequest& request) {
  if (request.verb == SmiVerb::kHelp) return std::string(kHelp);
  CORUN_ASSIGN(const std::vector<SmiGpu> gpus, list_gpus(request.id));
  switch (request.verb) {
    case SmiVerb::kTable:
      return table(gpus);
    case SmiVerb::kList: {
      std::string text;
      for (const SmiGpu& gpu : gpus) {
        text += fmt::format("GPU {}: {} (UUID: {})\n", gpu.index, value_of(gpu, "name"),
                            value_of(gpu, "uuid"));
      }
      return text;
    }
    case SmiVerb::kQueryGpu:
      return csv(request, gpu_fields(), gpus);
    case SmiVerb::kQueryApps: {
      std::vector<SmiApp> apps;
      for (const ListedApp& one : list_apps(gpus)) apps.push_back(one.app);
      return csv(request, app_fields(), apps);
    }
    case SmiVerb::kDetails:
      return details(gpus);
    case SmiVerb::kHelp:
      break;
  }
  return std::string(kHelp);
}

}  // namespace corun::simgpu
