#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/message.h"
#include "base/stream.h"

namespace gaze {
namespace {

std::string reason() {
  return std::generic_category().message(errno);
}

// Owns a file descriptor; closing twice or not at all is not possible.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

Descriptor open_for_reading(const std::filesystem::path& path, struct stat& status) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw Error(ErrorCode::not_found, message("{}: cannot be opened: {}", display(path), reason()));
  if (::fstat(descriptor, &status) != 0 || S_ISDIR(status.st_mode)) {
    ::close(descriptor);
    throw Error(ErrorCode::not_found, message("{}: not a file", display(path)));
  }
  return Descriptor(descriptor);
}

[[noreturn]] void throw_too_large(const std::string& name, std::int64_t limit) {
  throw Error(ErrorCode::limit_exceeded, message("{}: larger than the limit of {} bytes", name, limit));
}

[[noreturn]] void throw_write_error(const std::filesystem::path& path) {
  throw Error(no_room_left(errno) ? ErrorCode::disk_full : ErrorCode::not_found,
              message("{}: cannot be written: {}", display(path), reason()));
}

}  // namespace

Bytes read_stream(int descriptor, const std::string& name, std::int64_t limit) {
  return read_stream(descriptor, name, limit, {});
}

Bytes read_stream(int descriptor, const std::string& name, std::int64_t limit, const CancelToken& cancel) {
  constexpr int kAskMs = 100;  // how often the wish to stop is looked at
  Bytes bytes;
  std::size_t used = 0;
  while (true) {
    for (pollfd waiting{descriptor, POLLIN, 0}; ::poll(&waiting, 1, kAskMs) == 0;) cancel.check();
    cancel.check();
    if (used == bytes.size()) bytes.resize(std::max<std::size_t>(64 * 1024, bytes.size() * 2));
    const ssize_t got = ::read(descriptor, bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(ErrorCode::not_found, message("{}: cannot be read: {}", name, reason()));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (static_cast<std::int64_t>(used) > limit) throw_too_large(name, limit);
  }
  bytes.resize(used);
  return bytes;
}

Bytes read_file(const std::filesystem::path& path, std::int64_t limit) {
  struct stat status {};
  const Descriptor file = open_for_reading(path, status);
  if (!S_ISREG(status.st_mode)) return read_stream(file.get(), display(path), limit);
  if (status.st_size > limit) throw_too_large(display(path), limit);

  Bytes bytes(static_cast<std::size_t>(status.st_size));
  std::size_t used = 0;
  while (used < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(ErrorCode::not_found, message("{}: cannot be read: {}", display(path), reason()));
    if (got == 0) break;  // cut short since fstat: what is there is what we give
    used += static_cast<std::size_t>(got);
  }
  bytes.resize(used);
  return bytes;
}

std::string read_text_file(const std::filesystem::path& path, std::int64_t limit) {
  const Bytes bytes = read_file(path, limit);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  struct stat status {};
  const Descriptor file = open_for_reading(path, status);
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) {
    throw Error(ErrorCode::not_found, message("{}: cannot be mapped into memory: {}", display(path), reason()));
  }
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::forget(std::span<const std::byte> bytes) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = (begin + page - 1) / page * page, last = (begin + bytes.size()) / page * page;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);  // only memory is at stake
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::string temporary = path.string() + ".XXXXXX";
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) throw_write_error(path);

  const auto fail = [&] {
    const int cause = errno;
    ::unlink(temporary.c_str());
    errno = cause;
    throw_write_error(path);
  };
  // mkostemp makes 0600; an ordinary file has what the umask leaves, a replaced one keeps what it had.
  struct stat old {};
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const mode_t mode = ::stat(path.c_str(), &old) == 0 ? (old.st_mode & 07777) : (0666 & ~mask);
  if (::fchmod(file.get(), mode) != 0) fail();
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail();
    done += static_cast<std::size_t>(put);
  }
  if (::fsync(file.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) fail();
}

void write_file_atomically(const std::filesystem::path& path, const std::string& text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

bool no_room_left(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

std::string display(const std::filesystem::path& path) {
  return to_valid_utf8(path.native());
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const auto at = [&](std::size_t k) { return static_cast<unsigned char>(bytes[k]); };
    const unsigned char first = at(i);
    std::size_t length = 1;
    unsigned char low = 0x80, high = 0xBF;  // what the second byte may be
    if (first < 0x80) {
      out += bytes[i++];
      continue;
    } else if (first >= 0xC2 && first <= 0xDF) {
      length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
      length = 3;
      if (first == 0xE0) low = 0xA0;
      if (first == 0xED) high = 0x9F;
    } else if (first >= 0xF0 && first <= 0xF4) {
      length = 4;
      if (first == 0xF0) low = 0x90;
      if (first == 0xF4) high = 0x8F;
    }
    std::size_t good = 1;
    while (good < length && i + good < bytes.size()) {
      const unsigned char next = at(i + good);
      if (next < (good == 1 ? low : 0x80) || next > (good == 1 ? high : 0xBF)) break;
      ++good;
    }
    if (length > 1 && good == length) {
      out.append(bytes.substr(i, length));
    } else {
      out += "\xEF\xBF\xBD";
    }
    i += good;
  }
  return out;
}

}  // namespace gaze
