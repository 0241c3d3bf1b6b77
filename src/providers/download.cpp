#include "providers/download.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/encoding.h"
#include "providers/file_name.h"

namespace gaze {
namespace {

constexpr int kMostTries = 200;  // of a server that always sends a little and drops the line

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

[[noreturn]] void throw_write_error(const std::filesystem::path& path) {
  const bool full = no_room_left(errno);
  const std::string reason = std::generic_category().message(errno);
  throw Error(full ? ErrorCode::disk_full : ErrorCode::not_found,
              message("{}: cannot be written: {}", display(path), reason),
              full ? message("make room and pull again: what has come is kept") : std::string());
}

std::filesystem::path work_folder(const Download& download) {
  return download.folder / kWorkFolderName;
}

// Named by what it will be, never by what the hub calls it; another version of the file is another partial file.
std::filesystem::path partial_path(const Download& download) {
  return work_folder(download) / (sha256_hex(download.name + '\n' + download.checksum.hex).substr(0, 32) + ".part");
}

std::filesystem::path etag_path(const Download& download) {
  return partial_path(download).replace_extension(".etag");
}

// The bytes a "Content-Range: bytes FIRST-LAST/TOTAL" begins with and belongs to; false for anything else.
bool parse_content_range(const std::string& text, std::int64_t& first, std::int64_t& total) {
  long long a = -1, b = -1, c = -1;
  if (std::sscanf(text.c_str(), "bytes %lld-%lld/%lld", &a, &b, &c) != 3) return false;
  first = a, total = c;
  return a >= 0 && b >= a && c > b;
}

// A partial file that is being written.
class PartialFile {
 public:
  PartialFile(const Download& download, const DownloadProgress& on_progress)
      : download_(download),
        on_progress_(on_progress),
        path_(partial_path(download)),
        file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)) {
    if (file_.get() < 0) throw_write_error(path_);
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) throw_write_error(path_);
    size_ = status.st_size;
    if (size_ > download.size) {  // nobody counted these bytes
      size_ = 0;
      restart();
    }
  }

  std::int64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  void restart() {
    if (::ftruncate(file_.get(), 0) != 0) throw_write_error(path_);
    on_progress_(-size_);
    size_ = 0;
  }

  void append(std::string_view bytes) {
    if (static_cast<std::int64_t>(bytes.size()) > download_.size - size_) {
      throw Error(ErrorCode::network,
                  message("{}: more came than the {} bytes that the hub announced", download_.name, download_.size));
    }
    while (!bytes.empty()) {
      const ssize_t put = ::pwrite(file_.get(), bytes.data(), bytes.size(), size_);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) throw_write_error(path_);
      size_ += put;
      on_progress_(put);
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
  }

  void sync() {
    if (::fsync(file_.get()) != 0) throw_write_error(path_);
  }

 private:
  const Download& download_;
  const DownloadProgress& on_progress_;
  std::filesystem::path path_;
  Descriptor file_;
  std::int64_t size_ = 0;
};

std::string remembered_etag(const Download& download) {
  try {
    return read_text_file(etag_path(download), 4 * KiB);
  } catch (const Error&) {
    return {};
  }
}

// One request for what is missing. Returns the status; 200 and 206 were written.
HttpResponse fetch_rest(HttpClient& client, const Download& download, PartialFile& partial, const CancelToken& cancel) {
  HttpRequest request{.url = download.url, .headers = download.headers};
  request.redirects = Redirects::anywhere_without_secrets;
  const std::int64_t begin = partial.size();
  if (begin > 0) {
    request.headers.push_back({"Range", fmt::format("bytes={}-", begin)});
    // A strong tag only: a weak one says nothing about bytes (RFC 9110, 13.1.5).
    const std::string etag = remembered_etag(download);
    if (etag.starts_with('"')) request.headers.push_back({"If-Range", etag});
  }
  bool begun = false;
  return client.send(request, cancel, [&](const HttpResponse& head, std::string_view bytes) {
    if (!begun) {
      begun = true;
      if (head.status == 206) {
        std::int64_t first = -1, total = -1;
        if (!parse_content_range(head.header("content-range"), first, total) || first != begin ||
            total != download.size) {
          throw Error(ErrorCode::network,
                      message("{}: the server sent another part than was asked for", download.name));
        }
      } else if (head.status == 200) {
        partial.restart();
        write_file_atomically(etag_path(download), head.header("etag"));
      } else {
        throw Error(ErrorCode::network, message("{}: status {}", download.name, head.status));
      }
    }
    partial.append(bytes);
  });
}

// Asks again and again until all bytes are there.
void fetch_all_bytes(HttpClient& client, const Download& download, PartialFile& partial, const RetryPolicy& retry,
                     const CancelToken& cancel) {
  int fruitless = 0;
  for (int tries = 0; partial.size() < download.size; ++tries) {
    const std::int64_t before = partial.size();
    std::chrono::milliseconds wait = retry.first_wait * (1 << fruitless);
    std::string problem;
    try {
      const HttpResponse response = fetch_rest(client, download, partial, cancel);
      if (response.status == 416) {  // what we have does not fit the file any more
        partial.restart();
        problem = message("{}: status {}", download.name, response.status);
      } else if (response.status == 408 || response.status == 429 || response.status >= 500) {
        problem = message("{}: status {}", download.name, response.status);
        if (const auto asked = asked_wait(response); asked && *asked <= retry.longest_asked) wait = *asked;
      } else if (!response.ok()) {
        throw_hub_error(response, {.url = download.url, .headers = download.headers}, download.name);
      } else if (partial.size() < download.size) {
        problem = message("{}: the server ended after {} of {} bytes", download.name, partial.size(), download.size);
      }
    } catch (const TransportError& error) {
      if (!error.may_help_to_retry()) throw;
      problem = error.message();
    }
    if (problem.empty()) continue;
    fruitless = partial.size() > before ? 0 : fruitless + 1;
    if (fruitless > retry.retries || tries >= kMostTries) {
      throw Error(ErrorCode::network, problem, message("pull again: what has come is kept"));
    }
    log_detail(problem);
    wait_for(std::min(wait, retry.longest_asked), cancel);
  }
}

// Moves the finished file to its place, opening every folder on the way without following links.
void move_into_place(const Download& download, const std::filesystem::path& from) {
  Descriptor folder(::open(download.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) throw_write_error(download.folder);
  std::string rest = download.name;
  for (std::size_t slash; (slash = rest.find('/')) != std::string::npos; rest.erase(0, slash + 1)) {
    const std::string component = rest.substr(0, slash);
    if (::mkdirat(folder.get(), component.c_str(), 0777) != 0 && errno != EEXIST)
      throw_write_error(download.folder / component);
    Descriptor next(::openat(folder.get(), component.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) throw_write_error(download.folder / component);
    folder = std::move(next);
  }
  if (::renameat(AT_FDCWD, from.c_str(), folder.get(), rest.c_str()) != 0)
    throw_write_error(download.folder / download.name);
  ::fsync(folder.get());
  ::unlink(etag_path(download).c_str());
}

}  // namespace

// Hubs name the reason in a header (huggingface_hub's errors: RepoNotFound, GatedRepo, …).
void throw_hub_error(const HttpResponse& response, const HttpRequest& request, const std::string& what) {
  const std::string reason = response.header("x-error-code");
  if (reason == "GatedRepo") {
    throw Error(ErrorCode::unauthorized, message("{}: its owner wants to be asked first", what),
                message("accept the terms on the model's page, then set HF_TOKEN"));
  }
  if (reason == "RepoNotFound" || reason == "RevisionNotFound" || reason == "EntryNotFound" || response.status == 404) {
    throw Error(ErrorCode::model_not_found, message("{}: not on the hub", what),
                message("check the name; for a private model set HF_TOKEN"));
  }
  throw service_error(Url(request.url).host(), response, request);
}

std::string checksum_of(const std::filesystem::path& path, Checksum::Kind kind, const CancelToken& cancel) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) {
    const std::string reason = std::generic_category().message(errno);
    throw Error(ErrorCode::not_found, message("{}: cannot be opened: {}", display(path), reason));
  }
  Digest digest(kind == Checksum::Kind::sha256 ? Digest::Kind::sha256 : Digest::Kind::sha1);
  if (kind == Checksum::Kind::git_sha1) {
    digest.update(fmt::format("blob {}", std::filesystem::file_size(path)) + '\0');
  }
  std::string buffer(1 * MiB, '\0');
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    cancel.check();
    digest.update({buffer.data(), got});
  }
  if (std::ferror(file.get()))
    throw Error(ErrorCode::not_found, message("{}: cannot be read: {}", display(path), "I/O"));
  return digest.hex();
}

bool is_complete(const Download& download, const CancelToken& cancel) {
  std::error_code fault;
  const auto path = download.folder / download.name;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, fault))) return false;
  if (static_cast<std::int64_t>(std::filesystem::file_size(path, fault)) != download.size || fault) return false;
  return checksum_of(path, download.checksum.kind, cancel) == download.checksum.hex;
}

std::int64_t bytes_already_there(const Download& download) {
  std::error_code fault;
  const auto size = std::filesystem::file_size(partial_path(download), fault);
  return fault || static_cast<std::int64_t>(size) > download.size ? 0 : static_cast<std::int64_t>(size);
}

void download(HttpClient& client, const Download& download, const RetryPolicy& retry, const CancelToken& cancel,
              const DownloadProgress& on_progress) {
  std::error_code fault;
  std::filesystem::create_directories(work_folder(download), fault);
  if (fault) {
    errno = fault.value();
    throw_write_error(work_folder(download));
  }
  PartialFile partial(download, on_progress);
  const auto fetch = [&] {
    fetch_all_bytes(client, download, partial, retry, cancel);
    return checksum_of(partial.path(), download.checksum.kind, cancel) == download.checksum.hex;
  };
  const bool resumed = partial.size() > 0;
  bool good = fetch();
  if (!good && resumed) {  // what an earlier try left may be at fault
    partial.restart();
    good = fetch();
  }
  if (!good) {
    partial.restart();
    ::unlink(partial.path().c_str());
    ::unlink(etag_path(download).c_str());
    throw Error(ErrorCode::network, message("{}: what came is not what the hub's checksum says", download.name),
                message("it was thrown away; pull again, or from another endpoint (HF_ENDPOINT)"));
  }
  partial.sync();
  move_into_place(download, partial.path());
}

}  // namespace gaze
