#include "tasks/picture_walk.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "base/file.h"
#include "base/message.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

class Walk {
 public:
  Walk(bool follow_links, const CancelToken& cancel) : follow_links_(follow_links), cancel_(cancel) {}

  void name(const fs::path& given) {
    const fs::path path = absolute_path(given);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      const std::string reason = std::generic_category().message(errno);
      throw Error(ErrorCode::not_found, message("{}: cannot be opened: {}", display(given), reason));
    }
    result_.roots.push_back(path);
    visit(path, given, status);
  }

  WalkedFolders finish() {
    auto& files = result_.files;
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    const auto same = [](const auto& a, const auto& b) { return a.path == b.path; };
    files.erase(std::unique(files.begin(), files.end(), same), files.end());
    return std::move(result_);
  }

 private:
  void visit(const fs::path& path, const fs::path& given, const struct stat& status) {
    if (S_ISDIR(status.st_mode)) {
      if (entered_.emplace(status.st_dev, status.st_ino).second) enter(path, given);
    } else if (S_ISREG(status.st_mode)) {
      const std::int64_t modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
      result_.files.push_back({path.native(), given.native() == path.native() ? std::string() : given.native(),
                               std::int64_t{status.st_size}, modified_ns});
    }
  }

  void enter(const fs::path& folder, const fs::path& given) {
    cancel_.check();
    result_.folders.push_back(folder);
    std::error_code failure;
    std::vector<fs::path> names;
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
      names.push_back(entry->path().filename());
    }
    if (failure) {
      result_.failed.push_back(
          {given, ErrorCode::not_found, message("{}: cannot be opened: {}", display(given), failure.message())});
    }
    std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.native() < b.native(); });
    for (const fs::path& name : names) {
      if (name.native().starts_with('.')) continue;
      const fs::path path = folder / name;
      struct stat status {};
      if ((follow_links_ ? ::stat : ::lstat)(path.c_str(), &status) != 0) continue;  // gone, or a link to nowhere
      visit(path, given / name, status);
    }
  }

  const bool follow_links_;
  const CancelToken& cancel_;
  std::set<std::pair<dev_t, ino_t>> entered_;
  WalkedFolders result_;
};

}  // namespace

WalkedFolders walk_folders(std::span<const fs::path> named, bool follow_links, const CancelToken& cancel) {
  Walk walk(follow_links, cancel);
  for (const fs::path& given : named) walk.name(given);
  return walk.finish();
}

fs::path absolute_path(const fs::path& path) {
  fs::path absolute = fs::absolute(path);
  // "link/.." is not where the link stands: only the system knows.
  const bool climbs = std::find(absolute.begin(), absolute.end(), "..") != absolute.end();
  std::error_code failure;
  if (climbs) absolute = fs::weakly_canonical(absolute, failure);
  absolute = absolute.lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();  // "folder/" is "folder"
}

fs::path shown_path(const std::string& path, const std::string& given) {
  return !given.empty() && absolute_path(given).native() == path ? given : path;
}

}  // namespace gaze
