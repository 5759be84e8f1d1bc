// Which hook answers cuGetProcAddress, and that the table keeps cuda.h's renames.
#include "engine/shim/preload/hook_choice.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>
#include <string>

namespace corun::shim {

// The table without its handlers: the names alone are under test.
extern "C" {
#define CORUN_NO_HANDLER(symbol, ...) void* const corun_entry_##symbol = nullptr;
CORUN_ALL_HOOKS(CORUN_NO_HANDLER)
#undef CORUN_NO_HANDLER
}
const Hook hooks[kSlots] = {
#define CORUN_HOOK(symbol, handler, stream, since, ...) \
  {#symbol, &corun_entry_##symbol, DefaultStream::stream == DefaultStream::kPerThread, since},
    CORUN_ALL_HOOKS(CORUN_HOOK)
#undef CORUN_HOOK
};

namespace {

std::map<std::string, long> exports;

void* at(const char* symbol) {
  const auto found = exports.find(symbol);
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return found == exports.end() ? nullptr : reinterpret_cast<void*>(found->second);
}

std::string chosen(const char* name, long address, int version, uint64_t flags = 0) {
  const int slot =
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      slot_of_address(name, reinterpret_cast<const void*>(address), version, flags, at);
  return slot < 0 ? "none" : hooks[slot].symbol;
}

class HookChoice : public ::testing::Test {
 protected:
  HookChoice() {
    exports = {{"cuMemAlloc", 1},          {"cuMemAlloc_v2", 2},  {"cuLaunchKernel", 3},
               {"cuLaunchKernel_ptsz", 4}, {"cuCtxCreate_v2", 5}, {"cuCtxCreate_v3", 6},
               {"cuCtxCreate_v5", 7},      {"cuInit", 8}};
  }
};

TEST_F(HookChoice, TheExportedSymbolOfTheAddressDecides) {
  EXPECT_EQ(chosen("cuMemAlloc", 2, 12000), "cuMemAlloc_v2");
  EXPECT_EQ(chosen("cuLaunchKernel", 4, 12000), "cuLaunchKernel_ptsz");
  EXPECT_EQ(chosen("cuLaunchKernel", 3, 12000, 2), "cuLaunchKernel");
  EXPECT_EQ(chosen("cuCtxCreate", 6, 12000), "cuCtxCreate_v3");
}

TEST_F(HookChoice, AVariantWithAnotherSignatureIsLeftAlone) {
  EXPECT_EQ(chosen("cuMemAlloc", 1, 2000), "none");    // the 32-bit one
  EXPECT_EQ(chosen("cuCtxCreate", 7, 14000), "none");  // newer than the table
}

TEST_F(HookChoice, AnUnknownAddressIsChosenByVersionAndFlags) {
  EXPECT_EQ(chosen("cuLaunchKernel", 99, 12000), "cuLaunchKernel");
  EXPECT_EQ(chosen("cuLaunchKernel", 99, 12000, 2), "cuLaunchKernel_ptsz");
  EXPECT_EQ(chosen("cuCtxCreate", 99, 11000), "cuCtxCreate_v2");
  EXPECT_EQ(chosen("cuCtxCreate", 99, 11040), "cuCtxCreate_v3");
  EXPECT_EQ(chosen("cuMemAlloc", 99, 3000), "none");
}

TEST_F(HookChoice, AFunctionWithoutAPerThreadVariantServesBoth) {
  EXPECT_EQ(chosen("cuMemAlloc", 99, 12000, 2), "cuMemAlloc_v2");
}

TEST_F(HookChoice, AFunctionThatIsRenamedToALongerNameIsFound) {
  exports["cuGraphInstantiate"] = 20;
  exports["cuGraphInstantiate_v2"] = 21;
  exports["cuGraphInstantiateWithFlags"] = 22;
  EXPECT_EQ(chosen("cuGraphInstantiate", 20, 10000), "cuGraphInstantiate");
  EXPECT_EQ(chosen("cuGraphInstantiate", 21, 11080), "cuGraphInstantiate_v2");
  EXPECT_EQ(chosen("cuGraphInstantiate", 22, 12000), "cuGraphInstantiateWithFlags");
  EXPECT_EQ(chosen("cuGraphInstantiateWithFlags", 22, 12000), "cuGraphInstantiateWithFlags");
  EXPECT_EQ(chosen("cuGraphInstantiate", 99, 11080), "cuGraphInstantiate_v2");
  EXPECT_EQ(chosen("cuGraphInstantiate", 99, 12000), "cuGraphInstantiateWithFlags");
}

TEST_F(HookChoice, ALongerNameIsNotAVariant) {
  EXPECT_EQ(chosen("cuMemAllocPitch", 99, 12000), "cuMemAllocPitch_v2");
  EXPECT_EQ(chosen("cuLaunchK", 99, 12000), "none");
  EXPECT_EQ(chosen("cuInit", 8, 12000), "none");
  EXPECT_EQ(chosen("", 99, 12000), "none");
}

TEST(HookTable, NoSymbolStandsTwice) {
  std::set<std::string> seen;
  for (const Hook& hook : hooks) {
    EXPECT_TRUE(seen.insert(hook.symbol).second) << hook.symbol;
  }
}

TEST(HookTable, PerThreadVariantsAreThoseWithTheSuffix) {
  for (const Hook& hook : hooks) {
    const std::string symbol = hook.symbol;
    EXPECT_EQ(hook.per_thread, symbol.ends_with("_ptsz") || symbol.ends_with("_ptds")) << symbol;
  }
}

/// cuda.h renames these to _v2 (#define cuMemAlloc cuMemAlloc_v2 …): the plain symbol is an old
/// function with another signature, and may not be in the table.
TEST(HookTable, RenamedFunctionsStandUnderTheirNewSymbols) {
  for (const char* name : {"cuCtxCreate",
                           "cuCtxDestroy",
                           "cuDevicePrimaryCtxRelease",
                           "cuDevicePrimaryCtxReset",
                           "cuMemAlloc",
                           "cuMemAllocPitch",
                           "cuMemFree",
                           "cuMemGetInfo",
                           "cuMemcpyHtoD",
                           "cuMemcpyDtoH",
                           "cuMemcpyDtoD",
                           "cuMemcpyHtoDAsync",
                           "cuMemcpyDtoHAsync",
                           "cuMemcpyDtoDAsync",
                           "cuMemcpy2D",
                           "cuMemcpy2DAsync",
                           "cuMemcpy3D",
                           "cuMemcpy3DAsync",
                           "cuMemsetD8",
                           "cuMemsetD16",
                           "cuMemsetD32",
                           "cuMemsetD2D8",
                           "cuMemsetD2D16",
                           "cuMemsetD2D32",
                           "cuArrayCreate",
                           "cuArray3DCreate",
                           "cuStreamDestroy",
                           "cuIpcOpenMemHandle"}) {
    EXPECT_EQ(slot_of_symbol(name), -1) << name;
    EXPECT_GE(slot_of_symbol((std::string(name) + "_v2").c_str()), 0) << name;
  }
}

}  // namespace
}  // namespace corun::shim
