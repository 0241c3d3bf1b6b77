#include "tasks/folder_watch.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "tasks/picture_walk.h"

namespace gaze {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr int kQuietMs = 1000;
constexpr int kAskMs = 200;  // how often the wish to stop is looked at
constexpr auto kLongest = std::chrono::seconds(10);

}  // namespace

FolderWatch::FolderWatch(std::vector<std::filesystem::path> named, bool follow_links)
    : named_(std::move(named)), follow_links_(follow_links), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  try {
    watch_all({});
  } catch (...) {
    ::close(inotify_);
    throw;
  }
}

FolderWatch::~FolderWatch() {
  ::close(inotify_);
}

void FolderWatch::watch_all(const CancelToken& cancel) {
  const WalkedFolders walked = walk_folders(named_, follow_links_, cancel);
  const auto watch = [&](const std::filesystem::path& folder) {
    if (::inotify_add_watch(inotify_, folder.c_str(), kChanges) >= 0) return;
    if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return;  // gone meanwhile, or never readable
    const std::string reason = std::generic_category().message(errno);
    throw Error(ErrorCode::limit_exceeded, message("{}: cannot be watched: {}", display(folder), reason),
                message("raise fs.inotify.max_user_watches, or index without --watch"));
  };
  for (const auto& folder : walked.folders) watch(folder);
  for (const auto& root : walked.roots) {  // a named file may be replaced by another
    if (!std::filesystem::is_directory(root)) watch(root.parent_path());
  }
}

bool FolderWatch::changed_within(int milliseconds) {
  pollfd waiting{inotify_, POLLIN, 0};
  if (::poll(&waiting, 1, milliseconds) <= 0) return false;
  alignas(inotify_event) std::array<char, 16 * 1024> events;
  while (::read(inotify_, events.data(), events.size()) > 0) {
  }
  return true;
}

void FolderWatch::wait(const CancelToken& cancel) {
  while (!changed_within(kAskMs)) cancel.check();
  const auto first = Clock::now();
  for (int quiet = 0; quiet < kQuietMs && Clock::now() - first < kLongest;) {
    cancel.check();
    quiet = changed_within(kAskMs) ? 0 : quiet + kAskMs;
  }
  watch_all(cancel);  // folders that are new; before the run, so that nothing falls in between
}

}  // namespace gaze
