// The options of nvidia-smi that the stand-in knows.
#include <fmt/format.h>

#include <sstream>

#include "simgpu/tools/smi.h"
#include "simgpu/tools/smi_fields.h"

namespace corun::simgpu {

namespace {

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> items;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) {
    const size_t start = item.find_first_not_of(' ');
    if (start != std::string::npos) items.push_back(item.substr(start));
  }
  return items;
}

Status read_format(const std::string& text, SmiRequest& request) {
  for (const std::string& word : split_list(text)) {
    if (word == "noheader") {
      request.header = false;
    } else if (word == "nounits") {
      request.units = false;
    } else if (word != "csv") {
      return usage_error("unknown format " + word, "use csv[,noheader][,nounits]");
    }
  }
  return {};
}

template <typename Fields>
Status read_fields(const std::string& text, const Fields& known, SmiRequest& request) {
  request.fields = split_list(text);
  if (request.fields.empty()) return usage_error("a query without fields");
  for (const std::string& field : request.fields) {
    if (!known.contains(field)) {
      return usage_error(fmt::format("Field \"{}\" is not a valid field to query.", field));
    }
  }
  return {};
}

/// One option. `next` is the following argument, for options whose value may stand there.
Status read_option(const std::string& option, const std::string& value, SmiRequest& request) {
  if (option == "--query-gpu") {
    request.verb = SmiVerb::kQueryGpu;
    return read_fields(value, gpu_fields(), request);
  }
  if (option == "--query-compute-apps") {
    request.verb = SmiVerb::kQueryApps;
    return read_fields(value, app_fields(), request);
  }
  if (option == "--format") return read_format(value, request);
  if (option == "-i" || option == "--id") {
    request.id = value;
    return {};
  }
  return usage_error(fmt::format("Invalid option: {}", option),
                     "the simulated nvidia-smi knows -L, -q, -i, --query-gpu, "
                     "--query-compute-apps and --format");
}

}  // namespace

Result<SmiRequest> parse_smi(const std::vector<std::string>& arguments) {
  SmiRequest request;
  bool formatted = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "-L" || argument == "--list-gpus") {
      request.verb = SmiVerb::kList;
    } else if (argument == "-q" || argument == "--query") {
      request.verb = SmiVerb::kDetails;
    } else if (argument == "-h" || argument == "--help") {
      request.verb = SmiVerb::kHelp;
    } else {
      const size_t equals = argument.find('=');
      const std::string option = argument.substr(0, equals);
      std::string value;
      if (equals != std::string::npos) {
        value = argument.substr(equals + 1);
      } else if (option == "-i" && i + 1 < arguments.size()) {
        value = arguments[++i];
      }
      formatted = formatted || option == "--format";
      CORUN_TRY(read_option(option, value, request));
    }
  }
  const bool query = request.verb == SmiVerb::kQueryGpu || request.verb == SmiVerb::kQueryApps;
  if (query && !formatted) return usage_error("a query needs a format", "add --format=csv");
  return request;
}

}  // namespace corun::simgpu
