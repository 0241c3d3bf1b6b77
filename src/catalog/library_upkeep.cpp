// What `gaze library` does: stats, list, check, prune.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "catalog/library.h"
#include "catalog/stored_vector.h"

namespace gaze {
namespace {

std::int64_t file_bytes(const std::filesystem::path& path) {
  std::error_code missing;
  const auto bytes = std::filesystem::file_size(path, missing);
  return missing ? 0 : static_cast<std::int64_t>(bytes);
}

}  // namespace

bool is_missing(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

LibraryStats Library::stats() {
  LibraryStats stats{path(), file_bytes(path()), 0, count_vectors()};
  for (const char* suffix : {"-wal", "-shm"}) stats.bytes += file_bytes(std::filesystem::path(path()) += suffix);
  for (const IndexedModel& model : models()) stats.bytes += file_bytes(scan_file(path(), model.id));
  const std::lock_guard lock(*mutex_);
  if (Query query(*database_, "SELECT count(*) FROM pictures"); query.next()) stats.pictures = query.integer(0);
  return stats;
}

std::map<std::string, std::int64_t> Library::count_vectors() {
  const std::lock_guard lock(*mutex_);
  std::map<std::string, std::int64_t> counts;
  Query query(*database_,
              "SELECT name, (SELECT count(*) FROM vectors WHERE model = models.id) FROM models ORDER BY name");
  while (query.next()) counts[query.text(0)] = query.integer(1);
  return counts;
}

std::vector<ListedPicture> Library::list() {
  const std::lock_guard lock(*mutex_);
  std::vector<ListedPicture> listed;
  Query query(*database_,
              "SELECT pictures.path, pictures.given, models.name FROM pictures "
              "LEFT JOIN vectors ON vectors.content = pictures.content LEFT JOIN models ON models.id = vectors.model "
              "ORDER BY pictures.path, models.name");
  while (query.next()) {
    std::string path = query.text(0);
    if (listed.empty() || listed.back().path != path) listed.push_back({std::move(path), query.text(1), {}});
    if (!query.is_null(2)) listed.back().models.push_back(query.text(2));
  }
  return listed;
}

void Library::check(const CancelToken& cancel) {
  const auto known = models();
  const std::lock_guard lock(*mutex_);
  const Transaction snapshot(*database_, Transaction::Kind::read);
  std::string faults;
  const auto add = [&](const std::string& fault) { faults += (faults.empty() ? "" : "; ") + fault; };
  {
    Query query(*database_, "PRAGMA integrity_check(5)");
    while (query.next()) {
      if (const std::string line = query.text(0); line != "ok") add(line);
    }
  }
  cancel.check();
  if (Query query(*database_, "PRAGMA foreign_key_check"); query.next()) {
    add(message("a row of {} refers to what is not there", to_valid_utf8(query.text(0))));
  }
  for (const IndexedModel& model : known) {
    Query query(*database_, "SELECT vector, content FROM vectors WHERE model = ?", model.id);
    while (query.next()) {
      cancel.check();
      if (is_unit_vector(query.blob(0), model.dimension)) continue;
      add(message("the vector of picture {} under {} is damaged", query.integer(1), model.name));
      break;
    }
  }
  if (!faults.empty()) {
    throw Error(ErrorCode::library_damaged,
                message("{}: the library is damaged: {}", display(path()), to_valid_utf8(faults)),
                message("move the file away and index again; the pictures themselves are not touched"));
  }
}

std::int64_t Library::prune(const CancelToken& cancel) {
  std::vector<std::int64_t> gone;
  for (const StoredPicture& picture : pictures_under("/")) {
    cancel.check();
    if (is_missing(picture.path)) gone.push_back(picture.id);
  }
  remove(gone);
  const std::lock_guard lock(*mutex_);
  database_->run("VACUUM");
  Query(*database_, "PRAGMA wal_checkpoint(TRUNCATE)").run();
  return std::ssize(gone);
}

}  // namespace gaze
