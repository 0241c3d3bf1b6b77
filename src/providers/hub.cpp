#include "providers/hub.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/file_name.h"

namespace gaze {
namespace {

constexpr int kManifestVersion = 1;

// Held while one process pulls into a folder; the system lets go of it however the process ends.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder) {
    const auto path = folder / kWorkFolderName / "lock";
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file_ < 0) {
      const int cause = errno;
      throw Error(no_room_left(cause) ? ErrorCode::disk_full : ErrorCode::not_found,
                  message("{}: cannot be written: {}", display(path), std::generic_category().message(cause)));
    }
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      ::close(file_);
      throw Error(ErrorCode::library_locked, message("{}: is being pulled by another program", display(folder)),
                  message("wait for it to end"));
    }
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() { ::close(file_); }

 private:
  int file_ = -1;
};

std::string file_url(const HubSource& source, const std::string& id, const std::string& commit,
                     const std::string& name) {
  if (source.kind == HubKind::modelscope) {
    return source.endpoint + "/api/v1/models/" + id + "/repo?Revision=" + percent_encode(commit) +
           "&FilePath=" + percent_encode(name);
  }
  return source.endpoint + "/" + id + "/resolve/" + percent_encode(commit) + "/" + percent_encode(name, "/");
}

// The files that an earlier pull of another commit brought into this folder.
std::vector<std::string> files_of_other_commit(const std::filesystem::path& folder, const std::string& commit) {
  std::vector<std::string> names;
  try {
    const Json manifest = read_json_file(folder / kManifestName);
    if (text_at(manifest, "commit") == commit) return names;
    for (const auto& [name, entry] : object_at(manifest, "files").items()) {
      check_file_name(name);
      names.push_back(name);
    }
  } catch (const Error&) {
    names.clear();  // no manifest, or none of ours: nothing is deleted
  }
  return names;
}

void check_room(const std::filesystem::path& folder, std::int64_t needed) {
  std::error_code fault;
  const auto space = std::filesystem::space(folder, fault);
  if (fault || static_cast<std::int64_t>(space.available) >= needed) return;
  throw Error(ErrorCode::disk_full,
              message("{}: {} bytes are needed and {} are free", display(folder), needed, space.available),
              message("make room and pull again: what has come is kept"));
}

// Fetches all, `at_once` at a time. The first failure stops the others; progress is told from the calling thread.
void fetch_all(HttpClient& client, const std::vector<Download>& downloads, int at_once, const RetryPolicy& retry,
               const CancelToken& cancel, std::atomic<std::int64_t>& done, const std::function<void()>& tell) {
  CancelToken stop;
  std::mutex mutex;
  std::condition_variable ended;
  std::exception_ptr failure;
  std::size_t next = 0;
  int working = std::min<int>(std::max(1, at_once), static_cast<int>(downloads.size()));
  const auto work = [&] {
    while (true) {
      const Download* mine = nullptr;
      {
        const std::lock_guard lock(mutex);
        if (next < downloads.size() && !failure) mine = &downloads[next++];
        if (!mine) {
          --working;
          ended.notify_one();
          return;
        }
      }
      try {
        download(client, *mine, retry, stop, [&](std::int64_t bytes) { done += bytes; });
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        stop.cancel();
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = working; i > 0; --i) threads.emplace_back(work);
  {
    std::unique_lock lock(mutex);
    while (working > 0) {
      ended.wait_for(lock, std::chrono::milliseconds(50));
      if (cancel.cancelled()) stop.cancel();
      lock.unlock();
      tell();
      lock.lock();
    }
  }
  for (std::thread& thread : threads) thread.join();
  cancel.check();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

void pull(const PullRequest& request, const HubSource& source, const HttpOptions& http, const RetryPolicy& retry,
          const CancelToken& cancel, const PullProgress& on_progress) {
  std::error_code fault;
  if (request.offline) {
    if (std::filesystem::exists(request.folder / kManifestName, fault)) return;
    throw Error(ErrorCode::network, message("{}: not pulled yet, and offline mode is on", request.id.id),
                message("pull it once while online"));
  }
  std::filesystem::create_directories(request.folder / kWorkFolderName, fault);
  if (fault) {
    throw Error(no_room_left(fault.value()) ? ErrorCode::disk_full : ErrorCode::not_found,
                message("{}: cannot be written: {}", display(request.folder), fault.message()));
  }
  const FolderLock lock(request.folder);
  HttpClient client(http);
  const std::string revision = !request.revision.empty()              ? request.revision
                               : source.kind == HubKind::hugging_face ? "main"
                                                                      : "master";
  const HubListing listing = list_hub_files(client, source, request.id.id, revision, retry, cancel);
  const std::vector<HubFile> files = choose_files(listing, request.wanted);

  std::vector<HttpHeader> headers;
  if (!source.token.empty()) headers.push_back({"Authorization", "Bearer " + source.token.reveal(), source.token});
  std::vector<Download> missing;
  std::int64_t total = 0, needed = 0;
  std::atomic<std::int64_t> done{0};
  for (const HubFile& file : files) {
    Download download{file_url(source, request.id.id, listing.commit, file.name),
                      headers,
                      file.size,
                      file.checksum,
                      request.folder,
                      file.name};
    total += file.size;
    if (is_complete(download, cancel)) {
      done += file.size;
      continue;
    }
    const std::int64_t there = bytes_already_there(download);
    done += there;
    needed += file.size - there;
    missing.push_back(std::move(download));
  }
  check_room(request.folder, needed);

  const auto tell = [&] {
    if (on_progress) on_progress(done, total);
  };
  tell();
  const std::vector<std::string> before = files_of_other_commit(request.folder, listing.commit);
  if (!missing.empty()) std::filesystem::remove(request.folder / kManifestName, fault);  // not whole for a while
  if (!missing.empty()) fetch_all(client, missing, request.at_once, retry, cancel, done, tell);
  tell();

  OrderedJson entries = OrderedJson::object();
  std::string sums;
  for (const HubFile& file : files) {
    const std::string sha256 = file.checksum.kind == Checksum::Kind::sha256
                                   ? file.checksum.hex
                                   : checksum_of(request.folder / file.name, Checksum::Kind::sha256, cancel);
    entries[file.name] = {{"size", file.size}, {"sha256", sha256}};
    sums += sha256 + "  " + file.name + "\n";
  }
  for (const std::string& name : before) {  // old shards beside new ones would be read with them
    if (!entries.contains(name)) std::filesystem::remove(request.folder / name, fault);
  }
  const OrderedJson manifest{
      {"version", kManifestVersion}, {"source", source.kind == HubKind::modelscope ? "modelscope" : "huggingface"},
      {"id", request.id.id},         {"revision", revision},
      {"commit", listing.commit},    {"files", std::move(entries)}};
  write_file_atomically(request.folder / "SHA256SUMS", sums);  // for `sha256sum -c`
  write_file_atomically(request.folder / kManifestName, dump_json(manifest, 1) + "\n");
}

std::vector<VerifiedFile> verify_model(const std::filesystem::path& folder, const CancelToken& cancel) {
  const Json manifest = read_json_file(folder / kManifestName);
  std::vector<VerifiedFile> verified;
  for (const auto& [name, entry] : object_at(manifest, "files").items()) {
    check_file_name(name);
    std::error_code fault;
    VerifiedFile file{name, VerifiedFile::State::missing};
    if (std::filesystem::is_regular_file(folder / name, fault)) {
      const bool same_size =
          static_cast<std::int64_t>(std::filesystem::file_size(folder / name, fault)) == count_at(entry, "size");
      const bool same =
          same_size && checksum_of(folder / name, Checksum::Kind::sha256, cancel) == text_at(entry, "sha256");
      file.state = same ? VerifiedFile::State::good : VerifiedFile::State::changed;
    }
    verified.push_back(std::move(file));
  }
  return verified;
}

}  // namespace gaze
