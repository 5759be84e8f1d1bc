// The files of the web page, inside the binary (tools/embed_web.py writes web_files.cc).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace corun::monitoring {

struct WebFile {
  std::string_view path;  ///< "/index.html"
  std::string_view content_type;
  std::string_view etag;                ///< with its quotes
  std::span<const unsigned char> gzip;  ///< the file, gzip'd
  size_t size;                          ///< of the file itself
};

/// Empty when the page was not built.
std::span<const WebFile> web_files();

}  // namespace corun::monitoring
