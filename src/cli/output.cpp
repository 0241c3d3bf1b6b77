#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file.h"
#include "base/message.h"

namespace gaze::cli {
namespace {

std::string base64(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<std::uint8_t>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j) text += i + j > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * j) & 63];
  }
  return text;
}

}  // namespace

void Output::write(std::string_view bytes) {
  if (failed_) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) failed_ = true, error_ = errno;
}

void Output::line(std::string_view text) {
  write(text);
  write("\n");
}

void Output::piece(std::string_view text) {
  write(text);
  flush();
}

void Output::document(const OrderedJson& document) {
  line(dump_json(document));
}

void Output::flush() {
  if (!failed_ && std::fflush(stdout) != 0) failed_ = true, error_ = errno;
}

void Output::finish() {
  flush();
  if (!failed_ || error_ == EPIPE) return;
  throw Error(error_ == ENOSPC ? ErrorCode::disk_full : ErrorCode::not_found,
              message("standard output cannot be written: {}", std::strerror(error_)));
}

OrderedJson error_document(const Error& error) {
  OrderedJson inner;
  inner["code"] = to_string(error.code());
  inner["message"] = error.message();
  inner["hint"] = error.hint();
  return {{"error", inner}};
}

void put_path(OrderedJson& object, const std::string& key, const std::filesystem::path& path) {
  const std::string shown = display(path);
  object[key] = shown;
  if (shown != path.native()) object["path_base64"] = base64(path.native());
}

}  // namespace gaze::cli
