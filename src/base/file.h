// Files: whole reads with a limit, read-only maps, writes that appear whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace gaze {

using Bytes = std::vector<std::byte>;

// The whole file. Errors: not_found (missing, unreadable, a folder), limit_exceeded (more than `limit` bytes).
Bytes read_file(const std::filesystem::path& path, std::int64_t limit);
std::string read_text_file(const std::filesystem::path& path, std::int64_t limit);

// Everything on a file descriptor up to its end, as for pipes. Errors as read_file; `name` is for messages.
Bytes read_stream(int descriptor, const std::string& name, std::int64_t limit);

// A file mapped read-only. Movable; the bytes live as long as the object. Safe to read from many threads.
// A file that another program cuts short while it is mapped ends the process (SIGBUS): for checkpoints, which are
// written once, and never for people's pictures.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // errors: not_found
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // The pages that lie wholly within `bytes` of a mapped file leave this process's memory until they are read again.
  static void forget(std::span<const std::byte> bytes);

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Writes beside `path`, syncs, then renames over it: readers see the old file or the new one, never half of it.
// Errors: disk_full, not_found (the folder is missing or not writable).
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, const std::string& text);

// Whether this errno says that there is no room for more: on the disk, in a quota, in what a process may write.
bool no_room_left(int error);

// `path` for people and JSON: valid UTF-8, odd bytes replaced by U+FFFD.
std::string display(const std::filesystem::path& path);

// `bytes` as valid UTF-8: every ill-formed sequence replaced by U+FFFD (Unicode 15, 3.9, "maximal subparts").
std::string to_valid_utf8(std::string_view bytes);

}  // namespace gaze
