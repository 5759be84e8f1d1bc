// A workload for tests: reads commands, one a line, and prints one line for each. It knows nothing
// of corun; it finds the driver as its first argument says: dlsym, procaddress, procaddress-ptsz or
// linked (shim_app_linked only). The second argument is the driver library.
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/abi/nvml.h"
#include "engine/shim/abi.h"

extern "C" int cuLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                              unsigned, void*, void**, void**) __attribute__((weak));

namespace {

std::string via;
void* library = nullptr;
char** arguments = nullptr;
std::vector<unsigned long> held;

/// As a program of CUDA 11.3 asks, or by the second form, of 12.0.
void* procaddress(const std::string& name, unsigned long flags, bool first, int version) {
  using First = int (*)(const char*, void**, int, unsigned long);
  using Second = int (*)(const char*, void**, int, unsigned long, int*);
  void* found = nullptr;
  if (first) {
    reinterpret_cast<First>(dlsym(library, "cuGetProcAddress"))(name.c_str(), &found, version,
                                                                flags);
  } else {
    reinterpret_cast<Second>(dlsym(library, "cuGetProcAddress_v2"))(name.c_str(), &found, version,
                                                                    flags, nullptr);
  }
  return found;
}

/// A driver function by its base name.
template <class Function>
Function get(const std::string& name) {
  void* found = nullptr;
  if (via == "default" || via == "next") {
    // In what is loaded already, from here or from behind the program on.
    void* where = via == "default" ? RTLD_DEFAULT : RTLD_NEXT;
    found = dlsym(where, (name + "_v2").c_str());
    found = found != nullptr ? found : dlsym(where, name.c_str());
  } else if (via == "dlsym" || via == "linked") {
    found = name == "cuCtxSynchronize" ? nullptr : dlsym(library, (name + "_v2").c_str());
    found = found != nullptr ? found : dlsym(library, name.c_str());
  } else {
    const bool newest = via == "procaddress-13" && name == "cuLaunchKernel";
    found = procaddress(name, via == "procaddress-ptsz" ? 2 : 0, via == "procaddress-v1",
                        newest ? 13000 : 11030);
  }
  if (found == nullptr) {
    fmt::print("no {}\n", name);
    exit(1);
  }
  return reinterpret_cast<Function>(found);
}

using Launch = int (*)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                       void*, void**, void**);

Launch launcher() { return via == "linked" ? &cuLaunchKernel : get<Launch>("cuLaunchKernel"); }

int launch(int count, unsigned long stream) {
  const Launch function = launcher();
  int code = 0;
  for (int i = 0; i < count; ++i) {
    code |=
        // NOLINTNEXTLINE(performance-no-int-to-ptr)
        function(&held, 1, 1, 1, 32, 1, 1, 0, reinterpret_cast<void*>(stream), nullptr, nullptr);
  }
  return code;
}

int start() {
  void* context = nullptr;
  get<int (*)(unsigned)>("cuInit")(0);
  return get<int (*)(void**, unsigned, int)>("cuCtxCreate")(&context, 0, 0);
}

double launch_ns(int count) {
  const Launch function = launcher();
  timespec from{};
  timespec to{};
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < count; ++i) {
    function(&held, 1, 1, 1, 32, 1, 1, 0, reinterpret_cast<void*>(0x40), nullptr, nullptr);
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  return (static_cast<double>(to.tv_sec - from.tv_sec) * 1e9 +
          static_cast<double>(to.tv_nsec - from.tv_nsec)) /
         count;
}

int allocate(const std::string& kind, unsigned long bytes, unsigned long* address) {
  using L = unsigned long;
  if (kind == "plain") return get<int (*)(L*, L)>("cuMemAlloc")(address, bytes);
  if (kind == "pitch") {
    size_t pitch = 0;
    return get<int (*)(L*, size_t*, L, L, unsigned)>("cuMemAllocPitch")(address, &pitch, 512,
                                                                        bytes / 512, 4);
  }
  if (kind == "managed")
    return get<int (*)(L*, L, unsigned)>("cuMemAllocManaged")(address, bytes, 1);
  if (kind == "async")
    return get<int (*)(L*, L, void*)>("cuMemAllocAsync")(address, bytes, nullptr);
  if (kind == "pool") {
    return get<int (*)(L*, L, void*, void*)>("cuMemAllocFromPoolAsync")(address, bytes, nullptr,
                                                                        nullptr);
  }
  corun::cuda::AllocationProperties properties{};
  properties.type = corun::cuda::kAllocationPinned;
  properties.location = {.type = kind == "host-create" ? 3 : corun::cuda::kLocationDevice,
                         .id = kind == "host-create" ? 77 : 0};
  if (kind == "create" || kind == "host-create") {
    return get<int (*)(L*, L, const void*, L)>("cuMemCreate")(address, bytes, &properties, 0);
  }
  const corun::cuda::ArrayDescription flat{
      .width = 1024, .height = bytes / 4096, .format = 0x20, .channels = 1};
  if (kind == "array") return get<int (*)(L*, const void*)>("cuArrayCreate")(address, &flat);
  const corun::cuda::Array3dDescription deep{
      .width = 1024, .height = bytes / 4096, .depth = 1, .format = 0x20, .channels = 1, .flags = 0};
  if (kind == "array3d") return get<int (*)(L*, const void*)>("cuArray3DCreate")(address, &deep);
  if (kind == "mipmapped") {
    return get<int (*)(L*, const void*, unsigned)>("cuMipmappedArrayCreate")(address, &deep, 1);
  }
  const corun::cuda::ExternalMemoryDescription external{.type = 1, .handle = {}, .size = bytes};
  if (kind == "external")
    return get<int (*)(L*, const void*)>("cuImportExternalMemory")(address, &external);
  if (kind == "ipc") {
    corun::cuda::IpcMemoryHandle handle{};
    handle.bytes[0] = static_cast<char>(bytes);
    return get<int (*)(L*, corun::cuda::IpcMemoryHandle, unsigned)>("cuIpcOpenMemHandle")(
        address, handle, 0);
  }
  return -1;
}

int release(const std::string& kind, unsigned long address) {
  using L = unsigned long;
  static const std::map<std::string, std::string> functions = {
      {"plain", "cuMemFree"},
      {"pitch", "cuMemFree"},
      {"managed", "cuMemFree"},
      {"create", "cuMemRelease"},
      {"array", "cuArrayDestroy"},
      {"array3d", "cuArrayDestroy"},
      {"mipmapped", "cuMipmappedArrayDestroy"},
      {"external", "cuDestroyExternalMemory"},
      {"ipc", "cuIpcCloseMemHandle"},
      {"host-create", "cuMemRelease"}};
  if (kind == "async" || kind == "pool") {
    return get<int (*)(L, void*)>("cuMemFreeAsync")(address, nullptr);
  }
  return get<int (*)(L)>(functions.at(kind))(address);
}

/// Allocates and schedules a channel group as libcuda does; wrapped: in the form for large calls.
int make_group(int fd, unsigned object, bool wrapped) {
  corun::rm::Alloc alloc{};
  alloc.root = 0xC1;
  alloc.parent = 0xDE;
  alloc.object = object;
  alloc.object_class = corun::rm::kChannelGroupClass;
  unsigned long request = corun::rm::request(corun::rm::kAllocNumber, sizeof alloc);
  corun::rm::Wrapped large{corun::rm::kAllocNumber, sizeof alloc,
                           reinterpret_cast<uint64_t>(&alloc)};
  if (wrapped) {
    request = corun::rm::request(corun::rm::kWrappedNumber, sizeof large);
  }
  int code = ioctl(fd, request, wrapped ? static_cast<void*>(&large) : &alloc);
  corun::rm::Control control{};
  control.client = 0xC1;
  control.object = object;
  control.command = corun::rm::kSchedule;
  code |= ioctl(fd, corun::rm::request(corun::rm::kControlNumber, sizeof control), &control);
  return code;
}

int in_child() {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    _exit(start() == 0 && launch(3, 0) == 0 ? 42 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A child that is another program, of the same environment.
int in_program(const char* program, const char* driver) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    execl(program, program, "once", driver, nullptr);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Any driver function, with memory of zeros wherever it may want a pointer.
int call(const std::string& symbol) {
  static unsigned long zeros[4096];
  using L = unsigned long;
  using Any = int (*)(L, L, L, L, L, L, L, L, L, L, L);
  auto* function = reinterpret_cast<Any>(dlsym(library, symbol.c_str()));
  const L a = reinterpret_cast<L>(zeros);
  return function == nullptr ? -1 : function(a, a, a, a, a, a, a, a, a, a, a);
}

/// What destructors of a program's globals do: they run after the handlers that libcorun.so
/// registered when the first context was made.
void use_the_gpu_late() {
  constexpr unsigned long kStream = 0x80;
  int code = launch(2, kStream);
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  code |= get<int (*)(void*)>("cuStreamDestroy")(reinterpret_cast<void*>(kStream));
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  code |= get<int (*)(void*)>("cuCtxDestroy")(reinterpret_cast<void*>(0x5000));
  fmt::print("late {}\n", code);
  fflush(stdout);
}

/// Total, free, used and (version 2) reserved, as NVML tells them.
void print_nvml(const std::string& directory, bool second) {
  void* nvml = dlopen((directory + "/libnvidia-ml.so.1").c_str(), RTLD_NOW);
  if (second) {
    corun::nvml::MemoryV2 memory{};
    reinterpret_cast<int (*)(void*, void*)>(dlsym(nvml, "nvmlDeviceGetMemoryInfo_v2"))(nullptr,
                                                                                       &memory);
    fmt::print("{} {} {} {}\n", memory.total, memory.free, memory.used, memory.reserved);
  } else {
    corun::nvml::Memory memory{};
    reinterpret_cast<int (*)(void*, void*)>(dlsym(nvml, "nvmlDeviceGetMemoryInfo"))(nullptr,
                                                                                    &memory);
    fmt::print("{} {} {}\n", memory.total, memory.free, memory.used);
  }
}

std::atomic<int> finished{0};
std::atomic<int> last_code{-1};
using Threads = std::vector<std::jthread>;
Threads* threads = nullptr;  // main's, which joins them unless `exit` ends it

/// Calls a driver function on a thread of its own. Whatever its parameters are, they are pointers
/// to memory that may be written.
void call_on_a_thread(const std::string& symbol) {
  using Any = int (*)(void*, void*, void*, void*, void*, void*, void*, void*);
  auto* function = reinterpret_cast<Any>(dlsym(library, symbol.c_str()));
  if (function == nullptr) {
    fmt::print("no {}\n", symbol);
    return;
  }
  threads->emplace_back([function] {
    alignas(16) static char scratch[4096];
    void* any = scratch;
    function(any, any, any, any, any, any, any, any);
    ++finished;
  });
  fmt::print("0\n");
}

template <class Function>
Function helper(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

/// Pages of `map` that are there.
size_t resident_bytes(void* map, size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> there(bytes / page);
  if (mincore(map, bytes, there.data()) != 0) return SIZE_MAX;
  size_t pages = 0;
  for (const unsigned char one : there) pages += one & 1U;
  return pages * page;
}

/// Commands about private maps, as a driver makes them for what it moves; false: none of them.
bool run_maps(const std::string& command, std::istringstream& rest) {
  static std::vector<std::pair<void*, size_t>> maps;
  size_t number = 0;
  if (command == "map" || command == "map-populated") {
    rest >> number;
    const int populate = command == "map" ? 0 : MAP_POPULATE;
    maps.emplace_back(mmap(nullptr, number, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0),
                      number);
    fmt::print("{}\n", maps.back().first == MAP_FAILED ? 0 : 1);
  } else if (command == "resident") {
    rest >> number;
    fmt::print("{}\n", resident_bytes(maps.at(number).first, maps.at(number).second));
  } else {
    return false;
  }
  return true;
}

/// Commands about memory; false: it is none of them.
bool run_memory(const std::string& command, std::istringstream& rest) {
  std::string word;
  unsigned long number = 0;
  if (command == "alloc") {
    rest >> word >> number;
    unsigned long address = 0;
    const int code = allocate(word, number, &address);
    held.push_back(address);
    fmt::print("{}\n", code);
  } else if (command == "free") {
    rest >> word >> number;
    fmt::print("{}\n", (release(word, held.at(number))));
  } else if (command == "info") {
    size_t free_bytes = 0;
    size_t total = 0;
    get<int (*)(size_t*, size_t*)>("cuMemGetInfo")(&free_bytes, &total);
    fmt::print("{} {}\n", free_bytes, total);
  } else if (command == "nvml" || command == "nvml2") {
    rest >> word;
    print_nvml(word, command == "nvml2");
  } else if (command == "info-null") {
    fmt::print("{}\n", (get<int (*)(size_t*, size_t*)>("cuMemGetInfo")(nullptr, nullptr)));
  } else {
    return false;
  }
  return true;
}

/// Commands about threads of their own; false: it is none of them.
bool run_threads(const std::string& command, std::istringstream& rest) {
  std::string word;
  if (command == "thread") {
    rest >> word;
    call_on_a_thread(word);
  } else if (command == "thread-alloc") {
    threads->emplace_back([] {
      unsigned long address = 0;
      last_code = allocate("plain", 1UL << 20, &address);
      ++finished;
    });
    fmt::print("0\n");
  } else if (command == "last-code") {
    fmt::print("{}\n", last_code.load());
  } else if (command == "finished") {
    fmt::print("{}\n", finished.load());
  } else if (command == "block-syncs" || command == "process-state") {
    int number = 0;
    rest >> number;
    const std::string name = command == "block-syncs" ? "fake_block_syncs" : "fake_process_state";
    reinterpret_cast<void (*)(int)>(dlsym(library, name.c_str()))(number);
    fmt::print("0\n");
  } else {
    return false;
  }
  return true;
}

void run(const std::string& command, std::istringstream& rest) {
  if (run_memory(command, rest) || run_maps(command, rest) || run_threads(command, rest)) return;
  std::string word;
  unsigned long number = 0;
  if (command == "start") {
    fmt::print("{}\n", start());
  } else if (command == "launch") {
    unsigned long stream = 0;
    rest >> number >> stream;
    fmt::print("{}\n", (launch(static_cast<int>(number), stream)));
  } else if (command == "fail-next") {
    reinterpret_cast<void (*)()>(dlsym(library, "fake_fail_next"))();
    fmt::print("0\n");
  } else if (command == "calls") {
    rest >> word;
    fmt::print("{}\n", (reinterpret_cast<unsigned long (*)(const char*)>(
                           dlsym(library, "fake_calls"))(word.c_str())));
  } else if (command == "counted") {
    rest >> word;
    fmt::print("{}\n", (helper<unsigned long (*)()>(("counted_" + word).c_str())()));
  } else if (command == "group") {
    static const int fd = open("/dev/null", O_RDWR);
    rest >> number >> word;
    fmt::print("{}\n", (make_group(fd, static_cast<unsigned>(number), word == "wrapped")));
  } else if (command == "sync") {
    fmt::print("{}\n", (get<int (*)()>("cuCtxSynchronize")()));
  } else if (command == "late-user") {
    fmt::print("{}\n", atexit(use_the_gpu_late));
  } else if (command == "exit") {
    exit(0);
  } else if (command == "hang-queries") {
    reinterpret_cast<void (*)()>(dlsym(library, "fake_hang_queries"))();
    fmt::print("0\n");
  } else if (command == "fork") {
    fmt::print("{}\n", in_child());
  } else if (command == "exec") {
    fmt::print("{}\n", in_program(arguments[0], arguments[2]));
  } else if (command == "call") {
    rest >> word;
    fmt::print("{}\n", call(word));
  } else if (command == "present") {
    auto* present = helper<int (*)()>("corun_present");
    fmt::print("{}\n", (present == nullptr ? -1 : present()));
  } else if (command == "time") {
    rest >> number;
    fmt::print("{}\n", (launch_ns(static_cast<int>(number))));
  } else if (command == "driver-in-scope") {
    fmt::print("{}\n", (dlsym(RTLD_DEFAULT, "cuLaunchKernel") != nullptr ? 1 : 0));
  } else {
    fmt::print("unknown command {}\n", command);
  }
}

}  // namespace

int main(int argc, char** argv) {
  via = argc > 1 ? argv[1] : "";
  arguments = argv;
  if (argc > 2) {
    library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
  }
  if (via == "once") {
    via = "dlsym";
    return start() == 0 && launch(4, 0) == 0 ? 43 : 1;
  }
  Threads own;
  threads = &own;
  char line[256];
  while (fgets(line, sizeof line, stdin) != nullptr) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    run(command, words);
    fflush(stdout);
  }
  return 0;
}
