#include "monitoring/page.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "core/files.h"
#include "core/json_values.h"
#include "core/text.h"
#include "monitoring/answers.h"
#include "monitoring/gzip.h"
#include "monitoring/snapshot.h"
#include "monitoring/web_files.h"

namespace corun::monitoring {

namespace fs = std::filesystem;

namespace {

// The page's own files alone, and nothing inline.
constexpr char kPagePolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
// A report is one file with everything inline. It comes from a folder that others may write to, so
// it is no page of this origin (sandbox).
constexpr char kReportPolicy[] =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; sandbox allow-scripts";
constexpr char kNotBuilt[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>corun</title>"
    "<h1>corun</h1><p>This corun was built without its web page. The node's state is at "
    "<a href=\"/api/v1/snapshot\">/api/v1/snapshot</a>, and for Prometheus at "
    "<a href=\"/metrics\">/metrics</a>.</p></html>\n";
constexpr size_t kMaxFileBytes = 64u << 20;
constexpr size_t kMaxReports = 1000;

struct FileType {
  std::string_view suffix;
  std::string_view type;
};
constexpr FileType kReportTypes[] = {
    {".html", "text/html; charset=utf-8"}, {".svg", "image/svg+xml"},
    {".json", "application/json"},         {".jsonl", "text/plain; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"}, {".png", "image/png"},
};

void add_safety(http::Response& response, const char* policy) {
  response.headers.emplace_back("Content-Security-Policy", policy);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
}

bool accepts_gzip(const http::Request& request) {
  const auto accepts = request.header("Accept-Encoding");
  return accepts && accepts->find("gzip") != std::string_view::npos;
}

std::string_view as_text(std::span<const unsigned char> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

http::Response file_answer(const http::Request& request, const WebFile& file) {
  http::Response response;
  response.headers.emplace_back("ETag", std::string(file.etag));
  response.headers.emplace_back("Cache-Control", "no-cache");  // asks again; 304 while the same
  response.headers.emplace_back("Vary", "Accept-Encoding");
  add_safety(response, kPagePolicy);
  const auto has = request.header("If-None-Match");
  if (has && has->find(file.etag) != std::string_view::npos) {
    response.status = 304;
    return response;
  }
  response.content_type = file.content_type;
  if (accepts_gzip(request)) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = as_text(file.gzip);
  } else {
    response.body = gunzip(as_text(file.gzip), kMaxFileBytes).value_or("");
  }
  return response;
}

/// {name, created, mix, modes, href}; what its env.json and cells.jsonl do not tell is null.
Json report_entry(const fs::path& folder) {
  struct stat info {};
  stat((folder / "report.html").c_str(), &info);
  const std::string name = folder.filename().string();
  Json mix;
  std::set<std::string> modes;
  const std::string cells = read_file(folder / "cells.jsonl").value_or("");
  size_t at = 0;
  while (at < cells.size()) {
    const size_t end = std::min(cells.find('\n', at), cells.size());
    const auto cell = parse_json(std::string_view(cells).substr(at, end - at), "cell");
    at = end + 1;
    if (!cell || !cell->is_object()) continue;
    if (cell->contains("mode") && (*cell)["mode"].is_string()) modes.insert((*cell)["mode"]);
    if (mix.is_null() && cell->contains("mix") && (*cell)["mix"].is_string()) mix = (*cell)["mix"];
  }
  return {{"name", name},
          {"created", static_cast<double>(info.st_mtime)},
          {"mix", mix},
          {"modes", modes},
          {"href", "/reports/" + name + "/report.html"}};
}

}  // namespace

std::optional<http::Response> page_answer(const http::Request& request, std::string_view path) {
  if (path == "/") path = "/index.html";
  for (const WebFile& file : web_files()) {
    if (file.path == path) return file_answer(request, file);
  }
  if (path != "/index.html") return std::nullopt;
  http::Response response = text_answer(kNotBuilt, "text/html; charset=utf-8");
  add_safety(response, kPagePolicy);
  return response;
}

Json list_reports(const fs::path& results) {
  std::vector<Json> found;
  std::error_code error;
  for (fs::directory_iterator it(results, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (!fs::is_regular_file(it->path() / "report.html", ignored)) continue;
    if (found.size() < kMaxReports) found.push_back(report_entry(it->path()));
  }
  std::sort(found.begin(), found.end(), [](const Json& a, const Json& b) {
    return a["created"].get<double>() > b["created"].get<double>();
  });
  return {{"schema", kLiveSchema}, {"reports", found}};
}

std::optional<http::Response> report_answer(const fs::path& results, std::string_view path) {
  std::error_code error;
  const fs::path root = fs::canonical(results, error);
  if (error) return std::nullopt;
  const fs::path file = fs::canonical(root / fs::path(path).relative_path(), error);
  if (error || !fs::is_regular_file(file, error)) return std::nullopt;
  const auto [in_root, rest] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  if (in_root != root.end() || fs::file_size(file, error) > kMaxFileBytes) return std::nullopt;
  for (const auto& [suffix, type] : kReportTypes) {
    if (file.extension() != suffix) continue;
    auto text = read_file(file);
    if (!text) return std::nullopt;
    http::Response response = text_answer(std::move(*text), type);
    add_safety(response, kReportPolicy);
    return response;
  }
  return std::nullopt;
}

}  // namespace corun::monitoring
