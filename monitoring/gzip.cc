#include "monitoring/gzip.h"

#include <zlib.h>

#include "core/check.h"

namespace corun::monitoring {

namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, in a gzip wrapper
constexpr size_t kPiece = 64u << 10;

Bytef* bytes_of(std::string_view text) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));  // zlib only reads it
}

}  // namespace

Result<std::string> gunzip_up_to_cut(std::string_view packed, size_t limit, bool* whole) {
  z_stream stream{};
  CORUN_CHECK(inflateInit2(&stream, kGzipWindow) == Z_OK, "zlib is there");
  stream.next_in = bytes_of(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  int code = Z_OK;
  while (code == Z_OK && out.size() <= limit) {
    const size_t had = out.size();
    out.resize(had + kPiece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(kPiece);
    code = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (out.size() > limit) return failed("the gzip data is too large");
  const bool cut = code == Z_BUF_ERROR || code == Z_OK;
  if (code != Z_STREAM_END && !cut) return failed("the gzip data is damaged");
  *whole = code == Z_STREAM_END;
  return out;
}

Result<std::string> gunzip(std::string_view packed, size_t limit) {
  bool whole = false;
  CORUN_ASSIGN(std::string out, gunzip_up_to_cut(packed, limit, &whole));
  if (!whole) return failed("the gzip data is cut off");
  return out;
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  CORUN_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8,
                           Z_DEFAULT_STRATEGY) == Z_OK,
              "zlib is there");
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = bytes_of(text);
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CORUN_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "the bound holds");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace corun::monitoring
