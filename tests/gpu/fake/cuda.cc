#include "core/abi/cuda.h"

#include "core/environment.h"
#include "tests/gpu/fake/script.h"

namespace corun::cuda {
namespace {

Code code_of(const fake::Answer& answer) {
  return static_cast<Code>(answer.code(static_cast<int>(Code::kNotSupported)));
}

// Objects are never looked into: any address but null will do. `live` counts those not yet
// released.
int live = 0;
bool ready = false;

template <typename Handle>
Code make(const char* function, Handle* out) {
  const fake::Answer answer(function);
  if (code_of(answer) == Code::kSuccess) {
    *out = reinterpret_cast<Handle>(static_cast<uintptr_t>(0x1000 + ++live));
  }
  return code_of(answer);
}

Code release() {
  --live;
  return Code::kSuccess;
}

}  // namespace

extern "C" {

int fake_live_objects() { return live; }

Code cuInit(unsigned) {
  const auto pipe = environment("CUDA_MPS_PIPE_DIRECTORY");
  const fake::Answer stray("stray-mps-daemon");  // where a daemon answers that nobody wants
  if (stray.given() && (!pipe || stray.word(0) == *pipe)) return Code::kMpsServerNotReady;
  ready = true;
  return code_of(fake::Answer("cuInit"));
}

#ifdef CORUN_FAKE_SIMULATED
const char* corun_sim_profile() { return ready ? "h100" : ""; }
#endif

Code cuDriverGetVersion(int* version) {
  const fake::Answer answer("cuDriverGetVersion");
  *version = static_cast<int>(answer.number(0));
  return code_of(answer);
}

Code cuGetProcAddress(const char* name, void** function, int cuda_version, uint64_t) {
  const fake::Answer answer("cuGetProcAddress");  // NAME VERSION: what this driver knows
  if (answer.word(0) != name || answer.number(1) != static_cast<uint64_t>(cuda_version)) {
    return Code::kNotFound;
  }
  *function = reinterpret_cast<void*>(&cuInit);
  return Code::kSuccess;
}

Code cuDeviceGetCount(int* count) {
  const fake::Answer answer("cuDeviceGetCount");
  *count = static_cast<int>(answer.number(0));
  return code_of(answer);
}

Code cuDeviceGet(Device* device, int ordinal) {
  *device = ordinal;
  return Code::kSuccess;
}

Code cuDeviceGetName(char* name, int length, Device) {
  const fake::Answer answer("cuDeviceGetName");
  fake::copy_text(answer.line(), name, static_cast<size_t>(length));
  return code_of(answer);
}

Code cuDeviceGetUuid(Uuid* uuid, Device) {
  const fake::Answer answer("cuDeviceGetUuid");  // 16 bytes
  for (size_t i = 0; i < 16; ++i) uuid->bytes[i] = static_cast<unsigned char>(answer.number(i));
  return code_of(answer);
}

Code cuDeviceGetPCIBusId(char* id, int length, Device) {
  const fake::Answer answer("cuDeviceGetPCIBusId");
  fake::copy_text(answer.word(0), id, static_cast<size_t>(length));
  return code_of(answer);
}

Code cuDeviceTotalMem_v2(size_t* bytes, Device) {
  const fake::Answer answer("cuDeviceTotalMem");
  *bytes = answer.number(0);
  return code_of(answer);
}

Code cuDeviceGetAttribute(int* value, DeviceAttribute attribute, Device) {
  const fake::Answer answer("attribute-" + std::to_string(static_cast<int>(attribute)));
  *value = static_cast<int>(answer.number(0));
  return answer.given() ? code_of(answer) : Code::kInvalidValue;
}

Code cuDevicePrimaryCtxSetFlags_v2(Device, unsigned) {
  return code_of(fake::Answer("cuDevicePrimaryCtxSetFlags"));
}
Code cuDevicePrimaryCtxRetain(ContextHandle* context, Device) {
  return make("cuDevicePrimaryCtxRetain", context);
}
Code cuDevicePrimaryCtxRelease_v2(Device) { return release(); }
Code cuCtxSetCurrent(ContextHandle) { return code_of(fake::Answer("cuCtxSetCurrent")); }

Code cuStreamCreateWithPriority(StreamHandle* stream, unsigned, int) {
  return make("cuStreamCreateWithPriority", stream);
}
Code cuStreamDestroy_v2(StreamHandle) { return release(); }
Code cuStreamQuery(StreamHandle) { return code_of(fake::Answer("cuStreamQuery")); }

Code cuMemAlloc_v2(DevicePtr* address, size_t) {
  const fake::Answer answer("cuMemAlloc");
  if (code_of(answer) == Code::kSuccess) *address = static_cast<DevicePtr>(0x1000 + ++live);
  return code_of(answer);
}
Code cuMemFree_v2(DevicePtr) { return release(); }

Code cuModuleLoadDataEx(ModuleHandle* module, const void*, unsigned count, JitOption* options,
                        void** values) {
  const fake::Answer log("compiler-log");
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] != JitOption::kErrorLogBuffer) continue;
    fake::copy_text(log.line(), static_cast<char*>(values[i]), 64);
  }
  return make("cuModuleLoadDataEx", module);
}
Code cuModuleUnload(ModuleHandle) { return release(); }

Code cuStreamBeginCapture_v2(StreamHandle, CaptureMode) {
  return code_of(fake::Answer("cuStreamBeginCapture"));
}
Code cuStreamEndCapture(StreamHandle, GraphHandle* graph) {
  return make("cuStreamEndCapture", graph);
}
Code cuGraphDestroy(GraphHandle) { return release(); }
Code cuGraphGetNodes(GraphHandle, GraphNodeHandle*, size_t* count) {
  const fake::Answer answer("cuGraphGetNodes");
  *count = answer.number(0);
  return code_of(answer);
}
Code cuGraphInstantiateWithFlags(GraphExecHandle* exec, GraphHandle, unsigned long long) {
  return make("cuGraphInstantiate", exec);
}
Code cuGraphExecDestroy(GraphExecHandle) { return release(); }

}  // extern "C"
}  // namespace corun::cuda
