// For tests: pickles and archives as torch.save writes them, put together byte by byte.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <zlib.h>

#include "weights/test_support.h"

namespace gaze::forge {

struct ZipEntry {
  std::string name;
  std::string bytes;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
};

// A zip archive of stored entries, without zip64.
inline std::string zip(const std::vector<ZipEntry>& entries) {
  std::string out, directory;
  for (const ZipEntry& entry : entries) {
    const auto crc = static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<const unsigned char*>(entry.bytes.data()), entry.bytes.size()));
    const auto size = little(static_cast<std::uint32_t>(entry.bytes.size()));
    const std::string common = little<std::uint16_t>(20) + little(entry.flags) + little(entry.method) +
                               little<std::uint32_t>(0) + little(crc) + size + size +
                               little(static_cast<std::uint16_t>(entry.name.size())) + little<std::uint16_t>(0);
    directory += "PK\1\2" + little<std::uint16_t>(20) + common + std::string(10, '\0') +
                 little(static_cast<std::uint32_t>(out.size())) + entry.name;
    out += "PK\3\4" + common + entry.name + entry.bytes;
  }
  const auto count = little(static_cast<std::uint16_t>(entries.size()));
  return out + directory + "PK\5\6" + std::string(4, '\0') + count + count +
         little(static_cast<std::uint32_t>(directory.size())) + little(static_cast<std::uint32_t>(out.size())) +
         std::string(2, '\0');
}

// Pickle opcodes.
inline std::string text(const std::string& value) {
  return "X" + little(static_cast<std::uint32_t>(value.size())) + value;
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string integer(std::int64_t value) {
  return "\x8A\x08" + little(value);
}
inline std::string tuple(const std::vector<std::int64_t>& values) {
  std::string out = "(";
  for (const std::int64_t value : values) out += integer(value);
  return out + "t";
}
inline std::string storage(std::int64_t count = 4, const std::string& type = "FloatStorage",
                           const std::string& key = "0") {
  return "(" + text("storage") + global("torch", type) + text(key) + text("cpu") + integer(count) + "tQ";
}
inline std::string tensor(const std::string& storage, std::int64_t offset, const std::vector<std::int64_t>& size,
                          const std::vector<std::int64_t>& stride) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + integer(offset) + tuple(size) + tuple(stride) +
         "\x89" + global("collections", "OrderedDict") + ")RtR";
}
inline std::string dict(const std::string& items) {
  return "}(" + items + "u";
}

// An archive with this pickle (between protocol and STOP) and one storage "0" of 16 bytes.
inline std::string archive(const std::string& pickle, const std::vector<ZipEntry>& more = {}) {
  std::vector<ZipEntry> entries = {
      {"archive/data.pkl", "\x80\2" + pickle + "."},
      {"archive/data/0", std::string("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16)}};
  entries.insert(entries.end(), more.begin(), more.end());
  return zip(entries);
}

}  // namespace gaze::forge
