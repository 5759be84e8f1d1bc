#include "engine/client/slices.h"

#include "core/json_fields.h"
#include "core/json_values.h"

namespace corun::client {

namespace {

Result<SliceEntry> entry_from(const Json& value) {
  SliceEntry entry;
  std::optional<std::string> workload;
  std::string label;
  JsonFields in(value, "slice");
  in.get("seq", entry.seq);
  in.get("begin_ns", entry.begin_ns);
  in.get("end_ns", entry.end_ns);
  in.get("workload", workload);
  in.get("pid", entry.pid);
  in.get("what", entry.what);
  in.get("seconds", entry.seconds);
  in.get("label", label);
  CORUN_TRY(in.status());
  entry.workload = workload.value_or("");
  CORUN_ASSIGN(entry.label, parse_label(label));
  return entry;
}

}  // namespace

Json to_json(const SliceEntry& entry) {
  std::optional<std::string> workload;
  if (!entry.workload.empty()) workload = entry.workload;
  return {{"seq", entry.seq},         {"begin_ns", entry.begin_ns},
          {"end_ns", entry.end_ns},   {"workload", or_null(workload)},
          {"pid", entry.pid},         {"what", entry.what},
          {"seconds", entry.seconds}, {"label", to_string(entry.label)}};
}

Json to_json(const Slices& slices) {
  Json entries = Json::array();
  for (const SliceEntry& entry : slices.entries) entries.push_back(to_json(entry));
  return {{"entries", std::move(entries)},
          {"next", slices.next},
          {"missed", slices.missed},
          {"more", slices.more}};
}

Result<Slices> slices_from_json(const Json& value) {
  Slices slices;
  JsonFields in(value, "slices");
  in.get("next", slices.next);
  in.get("missed", slices.missed);
  in.get("more", slices.more);
  const Json* entries = in.find("entries");
  CORUN_TRY(in.status());
  if (!entries->is_array()) return failed("slices: key 'entries': not a list");
  for (const Json& one : *entries) {
    CORUN_ASSIGN(SliceEntry entry, entry_from(one));
    slices.entries.push_back(std::move(entry));
  }
  return slices;
}

}  // namespace corun::client
