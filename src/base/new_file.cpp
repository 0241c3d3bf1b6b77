#include "base/new_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"

namespace gaze {

NewFile::NewFile(std::filesystem::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) refuse();
}

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!committed_) ::unlink(path_.c_str());
}

void NewFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) refuse();
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void NewFile::commit() {
  if (::fsync(descriptor_) != 0) refuse();
  if (::close(std::exchange(descriptor_, -1)) != 0) refuse();
  committed_ = true;
}

void NewFile::refuse() const {
  throw Error(no_room_left(errno) ? ErrorCode::disk_full : ErrorCode::not_found,
              message("{}: cannot be written: {}", display(path_), std::strerror(errno)));
}

}  // namespace gaze
