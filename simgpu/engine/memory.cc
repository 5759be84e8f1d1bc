// Device memory is a count of bytes in whole granules; addresses are the driver's business.
#include <fmt/format.h>

#include "core/check.h"
#include "simgpu/engine/state.h"

namespace corun::simgpu {

uint64_t Device::State::whole_granules(uint64_t bytes) const {
  const uint64_t granule = profile.memory_granule_bytes;
  if (bytes > profile.memory_bytes)
    return bytes;  // cannot be had; also keeps the sum from wrapping
  return (bytes + granule - 1) / granule * granule;
}

Status Device::State::take_memory(Client& client, uint64_t bytes) {
  const uint64_t left = profile.memory_bytes - memory_used;
  if (bytes > left) {
    return failed(fmt::format("out of device memory: {} bytes wanted, {} left", bytes, left));
  }
  const uint64_t own_left =
      client.memory_limit - std::min(client.memory_limit, client.memory_bytes);
  if (bytes > own_left) {
    return failed(
        fmt::format("over the client's memory limit: {} bytes wanted, {} left", bytes, own_left));
  }
  memory_used += bytes;
  client.memory_bytes += bytes;
  return {};
}

void Device::State::return_memory(Client& client, uint64_t bytes) {
  CORUN_CHECK(bytes <= memory_used && bytes <= client.memory_bytes, "more freed than taken");
  memory_used -= bytes;
  client.memory_bytes -= bytes;
}

Result<AllocationId> Device::allocate(ContextId context, uint64_t bytes) {
  const auto it = state_->contexts.find(context);
  CORUN_CHECK(it != state_->contexts.end(), "unknown context");
  const uint64_t whole = state_->whole_granules(bytes);
  CORUN_TRY(state_->take_memory(*it->second->client, whole));
  const AllocationId id{++state_->last_allocation};
  state_->allocations[id.value] = {it->second.get(), whole};
  return id;
}

void Device::free(AllocationId allocation) {
  const auto it = state_->allocations.find(allocation.value);
  CORUN_CHECK(it != state_->allocations.end(), "unknown allocation");
  state_->return_memory(*it->second.context->client, it->second.bytes);
  state_->allocations.erase(it);
}

void Device::park(ClientId client, uint64_t left) {
  Client& owner = state_->clients.at(client);
  CORUN_CHECK(owner.parked_bytes == 0, "the client is parked already");
  if (owner.memory_bytes <= left) return;
  owner.parked_bytes = owner.memory_bytes - left;
  state_->return_memory(owner, owner.parked_bytes);
}

Status Device::unpark(ClientId client) {
  Client& owner = state_->clients.at(client);
  CORUN_TRY(state_->take_memory(owner, owner.parked_bytes));
  owner.parked_bytes = 0;
  return {};
}

void Device::set_memory_limit(ClientId client, uint64_t bytes) {
  state_->clients.at(client).memory_limit = bytes;
}

MemoryInfo Device::memory() const { return {state_->profile.memory_bytes, state_->memory_used}; }

uint64_t Device::memory_of(ClientId client) const {
  return state_->clients.at(client).memory_bytes;
}

}  // namespace corun::simgpu
