// A large file written piece by piece, for what does not fit into memory as a whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace gaze {

// Used by one thread. Whatever is not committed is gone with the object: nobody finds half of a file.
class NewFile {
 public:
  // Errors: not_found (the folder is missing or not writable, or the file is there already).
  explicit NewFile(std::filesystem::path path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  // Errors: disk_full.
  void write(std::span<const std::byte> bytes);
  // On the disk, whatever happens next. Errors: disk_full.
  void commit();

 private:
  [[noreturn]] void refuse() const;

  std::filesystem::path path_;
  int descriptor_;
  bool committed_ = false;
};

}  // namespace gaze
