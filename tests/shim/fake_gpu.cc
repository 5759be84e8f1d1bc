#include "tests/shim/fake_gpu.h"

#include <bit>
#include <cstring>

namespace corun::shim::testing {

namespace {

FakeGpu* alive = nullptr;

Code record_wait(StreamHandle stream, DevicePtr address) {
  if (alive->wait_code == Code::kSuccess) {
    alive->waits.push_back({stream, address});
  }
  return alive->wait_code;
}

void fill_waits(Driver& driver) {
  driver.host_register = [](void*, size_t, unsigned flags) {
    alive->registrations.push_back(flags);
    return alive->register_code;
  };
  driver.host_device_pointer = [](DevicePtr* address, void* memory, unsigned) {
    *address = reinterpret_cast<DevicePtr>(memory);
    return Code::kSuccess;
  };
  driver.stream_wait_value = [](StreamHandle stream, DevicePtr address, uint32_t, unsigned) {
    return record_wait(stream, address);
  };
  driver.stream_batch_mem_op = [](StreamHandle stream, unsigned count,
                                  cuda::BatchMemoryOp* operations, unsigned) {
    ++alive->batches;
    for (unsigned i = 0; i < count; ++i) {
      record_wait(stream, operations[i].address);
    }
    return alive->wait_code;
  };
}

void fill_events(Driver& driver) {
  driver.event_create = [](EventHandle* event, unsigned) {
    *event = reinterpret_cast<EventHandle>(0x9000);
    return Code::kSuccess;
  };
  driver.event_destroy = [](EventHandle) { return Code::kSuccess; };
  driver.event_record = [](EventHandle, StreamHandle) {
    ++alive->events_recorded;
    return Code::kSuccess;
  };
  driver.event_query = [](EventHandle) {
    return alive->events_done ? Code::kSuccess : Code::kNotReady;
  };
  driver.event_elapsed = [](float* milliseconds, EventHandle, EventHandle) {
    *milliseconds = alive->elapsed_ms;
    return Code::kSuccess;
  };
}

void fill_hold(Driver& driver) {
  driver.module_load_data = [](ModuleHandle* module, const void*) {
    *module = reinterpret_cast<ModuleHandle>(0x8000);
    ++alive->modules_loaded;
    return alive->module_code;
  };
  driver.module_get_function = [](FunctionHandle* function, ModuleHandle, const char*) {
    *function = reinterpret_cast<FunctionHandle>(0x8010);
    return Code::kSuccess;
  };
  driver.stream_create_with_priority = [](StreamHandle* made, unsigned, int) {
    *made = stream(1000);
    return Code::kSuccess;
  };
  driver.launch_kernel = [](FunctionHandle, unsigned, unsigned, unsigned, unsigned, unsigned,
                            unsigned, unsigned, StreamHandle on, void** parameters, void**) {
    alive->hold_words =
        std::bit_cast<const std::atomic<uint32_t>*>(*static_cast<DevicePtr*>(parameters[0]));
    alive->holds.push_back(
        {on, *static_cast<uint32_t*>(parameters[1]), *static_cast<uint64_t*>(parameters[2])});
    if (alive->during_launch) {
      alive->during_launch();
    }
    return Code::kSuccess;
  };
  driver.stream_write_value = [](StreamHandle on, DevicePtr, uint32_t, unsigned) {
    alive->writes.push_back(on);
    return Code::kSuccess;
  };
}

}  // namespace

FakeGpu::FakeGpu() {
  alive = this;
  driver.ctx_get_current = [](ContextHandle* current) {
    *current = alive->context;
    return Code::kSuccess;
  };
  driver.ctx_get_device = [](Device* current) {
    *current = alive->device;
    return Code::kSuccess;
  };
  driver.ctx_push = [](ContextHandle) { return Code::kSuccess; };
  driver.ctx_pop = [](ContextHandle*) { return Code::kSuccess; };
  driver.device_uuid = [](cuda::Uuid* uuid, Device which) {
    memset(uuid->bytes, which, sizeof uuid->bytes);
    return Code::kSuccess;
  };
  driver.stream_query = [](StreamHandle stream) {
    if (alive->during_query) {
      alive->during_query();
    }
    return alive->busy.contains(stream) ? Code::kNotReady : Code::kSuccess;
  };
  driver.stream_is_capturing = [](StreamHandle stream, cuda::CaptureStatus* status) {
    *status = alive->capturing.contains(stream) ? cuda::CaptureStatus::kActive
                                                : cuda::CaptureStatus::kNone;
    return Code::kSuccess;
  };
  fill_waits(driver);
  fill_events(driver);
  fill_hold(driver);
}

FakeGpu::~FakeGpu() { alive = nullptr; }

Outside FakeGpu::outside(void (*join)(DeviceState&)) const {
  return {.now_ns = [] { return alive->now; },
          .join = join,
          .kick = [](uint64_t due) { alive->kicks.push_back(due); }};
}

FakeGpu& fake() { return *alive; }

SessionPages::SessionPages() {
  memset(static_cast<void*>(&page), 0, sizeof page);
  memset(static_cast<void*>(gate), 0, sizeof gate);
  page.magic = wire::kSessionMagic;
  page.hot.gate = -1;
  page.hot.close_permille = 1000;
  pages.session = &page;
  for (int i = 0; i < wire::kMaxGates; ++i) {
    pages.gates[i] = &gate[i];
    pages.gate_writable[i] = true;
  }
}

}  // namespace corun::shim::testing
