#include "engine/client/lengths.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/json_fields.h"

namespace corun::client {

namespace {

constexpr size_t kMostBounds = 256;

}  // namespace

Json to_json(const Lengths& lengths) {
  return {{"bounds_us", lengths.bounds_us}, {"counts", lengths.counts}, {"sum_us", lengths.sum_us}};
}

Result<Lengths> lengths_from_json(const Json& value) {
  Lengths lengths;
  JsonFields in(value, "lengths");
  in.get("sum_us", lengths.sum_us);
  const Json* bounds = in.find("bounds_us");
  const Json* counts = in.find("counts");
  CORUN_TRY(in.status());
  if (!bounds->is_array() || bounds->size() > kMostBounds) in.fail("bounds_us", "not a short list");
  if (!counts->is_array() || counts->size() != bounds->size() + 1) {
    in.fail("counts", "not one more than the bounds");
  }
  CORUN_TRY(in.status());
  for (const Json& bound : *bounds) {
    const double us = bound.is_number() ? bound.get<double>() : 0;
    if (!std::isfinite(us) || us <= (lengths.bounds_us.empty() ? 0 : lengths.bounds_us.back())) {
      in.fail("bounds_us", "not rising numbers above 0");
    }
    lengths.bounds_us.push_back(us);
  }
  for (const Json& count : *counts) {
    if (!count.is_number_unsigned()) in.fail("counts", "not whole numbers");
    lengths.counts.push_back(count.is_number_unsigned() ? count.get<uint64_t>() : 0);
  }
  CORUN_TRY(in.status());
  return lengths;
}

}  // namespace corun::client
