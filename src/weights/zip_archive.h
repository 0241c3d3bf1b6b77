// The directory of a zip archive (PKWARE APPNOTE 6.3.9), as torch.save writes them: stored entries, zip64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>

#include "weights/weight_file.h"

namespace gaze {

// Borrows the file. Names are only ever compared, never used as paths. Immutable, safe to share.
class ZipArchive {
 public:
  // Reads the central directory. Errors: bad_weights (no or an inconsistent directory, entries that are encrypted or
  // reach beyond the file, two entries of one name, several disks).
  explicit ZipArchive(const WeightFile& file);

  struct Entry {
    std::uint16_t method = 0;  // 0: stored
    std::uint32_t crc32 = 0;
    std::uint64_t size = 0;  // uncompressed
    std::uint64_t compressed_size = 0;
    std::uint64_t local_header = 0;  // offset in the file
  };
  const std::unordered_map<std::string_view, Entry>& entries() const { return entries_; }
  bool contains(std::string_view name) const { return entries_.contains(name); }

  // The bytes of an entry. Errors: bad_weights (no such entry, compressed, the local header says otherwise).
  std::span<const std::byte> bytes(std::string_view name) const;
  // The same, with the CRC-32 checked: reads all of them.
  std::span<const std::byte> checked_bytes(std::string_view name) const;

 private:
  struct Directory {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint64_t entries = 0;
  };
  Directory find_directory() const;
  void read_entry(ByteReader& reader);

  const WeightFile& file_;
  std::unordered_map<std::string_view, Entry> entries_;
};

// Whether the file begins as a zip archive does.
bool looks_like_zip(const WeightFile& file);

}  // namespace gaze
