#include "weights/zip_archive.h"

#include <algorithm>

#include <zlib.h>

#include "base/message.h"

namespace gaze {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034B50, kCentralHeader = 0x02014B50, kEnd = 0x06054B50;
constexpr std::uint32_t kZip64End = 0x06064B50, kZip64Locator = 0x07064B50;
constexpr std::uint64_t kEndSize = 22, kZip64LocatorSize = 20, kLongestComment = 0xFFFF;
constexpr std::uint16_t kZip64Extra = 1;
constexpr std::uint16_t kEncrypted = 0x2041;  // flag bits 0, 6 and 13: some way of encryption

// Offset of the end record: the last one whose comment reaches exactly to the end of the file.
std::uint64_t find_end(const WeightFile& file) {
  const std::uint64_t size = file.bytes.size();
  for (std::uint64_t comment = 0; comment <= kLongestComment && comment + kEndSize <= size; ++comment) {
    const std::uint64_t at = size - kEndSize - comment;
    ByteReader reader(file.bytes, file.origin, at);
    if (reader.number<std::uint32_t>() != kEnd) continue;
    if (ByteReader(file.bytes, file.origin, at + 20).number<std::uint16_t>() == comment) return at;
  }
  refuse(file.origin, message("a zip archive without its directory: the end of the file is missing"));
}

}  // namespace

bool looks_like_zip(const WeightFile& file) {
  return file.bytes.size() >= 4 && ByteReader(file.bytes, file.origin).number<std::uint32_t>() == kLocalHeader;
}

ZipArchive::ZipArchive(const WeightFile& file) : file_(file) {
  const Directory directory = find_directory();
  ByteReader reader(file_.bytes.first(directory.offset + directory.size), file_.origin, directory.offset);
  // An entry takes at least 46 bytes, so a forged count ends at the directory's end, not in memory.
  for (std::uint64_t i = 0; i < directory.entries; ++i) read_entry(reader);
  if (reader.remaining() != 0) {
    refuse(file_.origin, message("zip directory: {} bytes follow its last entry", reader.remaining()));
  }
}

ZipArchive::Directory ZipArchive::find_directory() const {
  const std::uint64_t end = find_end(file_);
  ByteReader reader(file_.bytes, file_.origin, end + 4);
  const auto disk = reader.number<std::uint16_t>();
  const auto directory_disk = reader.number<std::uint16_t>();
  reader.take(2);  // entries on this disk
  Directory directory;
  directory.entries = reader.number<std::uint16_t>();
  directory.size = reader.number<std::uint32_t>();
  directory.offset = reader.number<std::uint32_t>();
  std::uint64_t limit = end;  // where the directory must end
  bool one_disk = disk == directory_disk && (disk == 0 || disk == 0xFFFF);

  if (end >= kZip64LocatorSize) {
    ByteReader locator(file_.bytes, file_.origin, end - kZip64LocatorSize);
    if (locator.number<std::uint32_t>() == kZip64Locator) {
      locator.take(4);  // disk
      const auto at = locator.number<std::uint64_t>();
      ByteReader record(file_.bytes, file_.origin, at);
      if (at >= end || record.number<std::uint32_t>() != kZip64End) {
        refuse(file_.origin, message("zip directory: no zip64 record at byte {}", at));
      }
      record.take(12);  // size of the record, versions
      one_disk = record.number<std::uint32_t>() == 0 && record.number<std::uint32_t>() == 0;
      record.take(8);  // entries on this disk
      directory.entries = record.number<std::uint64_t>();
      directory.size = record.number<std::uint64_t>();
      directory.offset = record.number<std::uint64_t>();
      limit = at;
    }
  }
  if (!one_disk) refuse(file_.origin, message("zip directory: a part of an archive of several disks"));
  if (directory.offset > limit || directory.size != limit - directory.offset) {
    refuse(file_.origin, message("zip directory: {} bytes at byte {} do not end at byte {}, where they should",
                                 directory.size, directory.offset, limit));
  }
  return directory;
}

void ZipArchive::read_entry(ByteReader& reader) {
  const std::uint64_t at = reader.position();
  if (reader.number<std::uint32_t>() != kCentralHeader) {
    refuse(file_.origin, message("zip directory: no entry at byte {}", at));
  }
  Entry entry;
  reader.take(4);  // versions
  const auto flags = reader.number<std::uint16_t>();
  entry.method = reader.number<std::uint16_t>();
  reader.take(4);  // time, date
  entry.crc32 = reader.number<std::uint32_t>();
  entry.compressed_size = reader.number<std::uint32_t>();
  entry.size = reader.number<std::uint32_t>();
  const auto name_length = reader.number<std::uint16_t>();
  const auto extra_length = reader.number<std::uint16_t>();
  const auto comment_length = reader.number<std::uint16_t>();
  reader.take(8);  // disk, attributes
  entry.local_header = reader.number<std::uint32_t>();
  const std::string_view name = reader.text(name_length);
  const auto extra_bytes = reader.take(extra_length);
  reader.take(comment_length);

  // zip64: the fields that read 0xFFFFFFFF stand in the extra field, in this order.
  for (ByteReader extra(extra_bytes, file_.origin); extra.remaining() >= 4;) {
    const auto id = extra.number<std::uint16_t>();
    const auto field = extra.take(extra.number<std::uint16_t>());
    if (id != kZip64Extra) continue;
    ByteReader wide(field, file_.origin);
    for (std::uint64_t* value : {&entry.size, &entry.compressed_size, &entry.local_header}) {
      if (*value == 0xFFFFFFFF) *value = wide.number<std::uint64_t>();
    }
  }
  if (flags & kEncrypted) refuse(file_.origin, message("zip entry {}: encrypted", in_quotes(name)));
  if (entry.local_header >= file_.bytes.size() || entry.compressed_size > file_.bytes.size() - entry.local_header) {
    refuse(file_.origin, message("zip entry {}: {} bytes at byte {} reach beyond the file", in_quotes(name),
                                 entry.compressed_size, entry.local_header));
  }
  if (!entries_.emplace(name, entry).second) {
    refuse(file_.origin, message("zip entry {} is there twice", in_quotes(name)));
  }
}

std::span<const std::byte> ZipArchive::bytes(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) refuse(file_.origin, message("no zip entry {}", in_quotes(name)));
  const Entry& entry = found->second;
  if (entry.method != 0) {
    refuse(file_.origin, message("zip entry {}: compressed, and so not what torch.save writes", in_quotes(name)),
           message("load the file in torch and save it again"));
  }
  ByteReader reader(file_.bytes, file_.origin, entry.local_header);
  const bool is_header = reader.number<std::uint32_t>() == kLocalHeader;
  reader.take(4);  // version, flags
  const auto method = reader.number<std::uint16_t>();
  reader.take(16);  // time, date, CRC, sizes: the directory's count
  const auto name_length = reader.number<std::uint16_t>();
  const auto extra_length = reader.number<std::uint16_t>();
  if (!is_header || method != 0 || reader.text(name_length) != name || entry.size != entry.compressed_size) {
    refuse(file_.origin, message("zip entry {}: the directory and the entry's own header differ", in_quotes(name)));
  }
  reader.take(extra_length);
  return reader.take(entry.size);
}

std::span<const std::byte> ZipArchive::checked_bytes(std::string_view name) const {
  const auto contents = bytes(name);
  const auto crc = crc32_z(0, reinterpret_cast<const unsigned char*>(contents.data()), contents.size());
  if (crc != entries_.find(name)->second.crc32) {
    refuse(file_.origin, message("zip entry {}: its bytes do not match its checksum", in_quotes(name)));
  }
  return contents;
}

}  // namespace gaze
