#include "catalog/library.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "catalog/schema.h"
#include "catalog/stored_vector.h"
#include "index/vector_codes.h"

namespace gaze {
namespace {

IndexedModel model_of(const Database& database, const Query& row) {
  const std::int64_t dimension = row.integer(2);
  if (dimension < 1 || dimension > kLargestDimension) {
    throw Error(ErrorCode::library_damaged,
                message("{}: no model makes vectors of {} dimensions", display(database.path()), dimension));
  }
  return {row.integer(0), row.text(1), static_cast<int>(dimension), row.integer(3)};
}

}  // namespace

Library::Library(const std::filesystem::path& path, Database::Mode mode)
    : database_(std::make_unique<Database>(path, mode)) {
  prepare_schema(*database_);
}

Library Library::create(const std::filesystem::path& path) {
  if (path.has_parent_path()) {
    std::error_code failure;
    std::filesystem::create_directories(path.parent_path(), failure);
    if (failure) {
      throw Error(failure == std::errc::no_space_on_device ? ErrorCode::disk_full : ErrorCode::not_found,
                  message("{}: cannot be written: {}", display(path), failure.message()));
    }
  }
  return Library(path, Database::Mode::create);
}

Library Library::open(const std::filesystem::path& path) {
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) {
    throw Error(ErrorCode::library_empty, message("{}: there is no library yet", display(path)),
                message("index a folder first: gaze index FOLDER"));
  }
  return Library(path, Database::Mode::existing);
}

std::filesystem::path scan_file(const std::filesystem::path& library, std::int64_t model) {
  std::filesystem::path path = library;
  return path += ".scan-" + std::to_string(model);
}

std::optional<IndexedModel> Library::find_model(const ModelKey& key) {
  const std::lock_guard lock(*mutex_);
  return read_model(key);
}

std::optional<IndexedModel> Library::read_model(const ModelKey& key) {
  Query query(*database_, "SELECT id, name, dimension, revision FROM models WHERE weights = ?",
              std::string_view(key.weights));
  if (!query.next()) return {};
  return model_of(*database_, query);
}

std::vector<IndexedModel> Library::models() {
  const std::lock_guard lock(*mutex_);
  std::vector<IndexedModel> models;
  Query query(*database_, "SELECT id, name, dimension, revision FROM models ORDER BY name");
  while (query.next()) models.push_back(model_of(*database_, query));
  return models;
}

IndexedModel Library::use_model(const ModelKey& key, int dimension) {
  const std::lock_guard lock(*mutex_);
  if (const auto model = read_model(key)) return *model;
  Transaction transaction(*database_, Transaction::Kind::write);
  const std::string_view name = key.name, weights = key.weights;
  Query(*database_, "DELETE FROM vectors WHERE model IN (SELECT id FROM models WHERE name = ? AND weights <> ?)", name,
        weights)
      .run();
  Query(
      *database_,
      "INSERT INTO models (name, weights, dimension, revision) VALUES (?1, ?2, ?3, 0) ON CONFLICT (weights) DO NOTHING "
      "ON CONFLICT (name) DO UPDATE SET weights = excluded.weights, dimension = excluded.dimension, "
      "revision = revision + 1",
      name, weights, std::int64_t{dimension})
      .run();
  const auto model = read_model(key);
  transaction.commit();
  return model.value();
}

std::optional<KnownPicture> Library::find_picture(std::string_view path, const IndexedModel& model) {
  const std::lock_guard lock(*mutex_);
  Query query(*database_,
              "SELECT id, size, modified_ns, content, EXISTS (SELECT 1 FROM vectors WHERE model = ?2 AND "
              "vectors.content = pictures.content) FROM pictures WHERE path = ?1",
              as_blob(path), model.id);
  if (!query.next()) return {};
  return KnownPicture{query.integer(0), query.integer(1), query.integer(2), query.integer(3), query.integer(4) != 0};
}

std::optional<KnownContent> Library::find_content(const ContentHash& hash, const IndexedModel& model) {
  const std::lock_guard lock(*mutex_);
  Query query(*database_,
              "SELECT id, EXISTS (SELECT 1 FROM vectors WHERE model = ?2 AND content = contents.id) "
              "FROM contents WHERE hash = ?1",
              std::span<const std::byte>(hash), model.id);
  if (!query.next()) return {};
  return KnownContent{query.integer(0), query.integer(1) != 0};
}

StoredPicture Library::picture_of(const Query& row) {
  PictureFacts facts{
      static_cast<int>(row.integer(3)), static_cast<int>(row.integer(4)), row.text(5), row.text(6), {}, {}};
  if (!row.is_null(7) && !row.is_null(8)) {
    facts.latitude = row.real(7);
    facts.longitude = row.real(8);
  }
  return {row.integer(0), row.text(1), row.text(2), std::move(facts)};
}

std::vector<StoredPicture> Library::pictures_under(const std::filesystem::path& path) {
  const std::lock_guard lock(*mutex_);
  // Everything below a folder sorts from "folder/" to before "folder0", the character after the slash.
  const std::string folder = path.native() == "/" ? "" : path.native();
  const std::string begin = folder + "/", end = folder + "0";
  return read_pictures("WHERE path = ?1 OR (path >= ?2 AND path < ?3) ORDER BY path", as_blob(path.native()),
                       as_blob(begin), as_blob(end));
}

ContentId Library::store_content(const ContentHash& hash, const PictureFacts& facts) {
  const std::span<const std::byte> key(hash);
  Query(*database_,
        "INSERT INTO contents (hash, width, height, taken, camera, latitude, longitude) "
        "VALUES (?, ?, ?, nullif(?, ''), nullif(?, ''), ?, ?) ON CONFLICT DO NOTHING",
        key, std::int64_t{facts.width}, std::int64_t{facts.height}, std::string_view(facts.taken),
        std::string_view(facts.camera), facts.latitude, facts.longitude)
      .run();
  Query query(*database_, "SELECT id FROM contents WHERE hash = ?", key);
  GAZE_CHECK(query.next());
  return query.integer(0);
}

void Library::store_vector(const IndexedModel& model, ContentId content, std::span<const float> vector) {
  GAZE_CHECK(is_unit_vector(std::as_bytes(vector), model.dimension));
  Query(*database_, "INSERT INTO vectors (model, content, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", model.id,
        content, std::as_bytes(vector))
      .run();
  if (database_->changes() == 0) return;
  Query(*database_, "UPDATE models SET revision = revision + 1 WHERE id = ?", model.id).run();
}

void Library::store_file(const PictureFile& file, ContentId content, std::vector<ContentId>& left) {
  const auto path = as_blob(file.path);
  if (Query old(*database_, "SELECT content FROM pictures WHERE path = ?", path); old.next()) {
    if (old.integer(0) != content) left.push_back(old.integer(0));
  }
  Query(*database_,
        "INSERT INTO pictures (path, given, content, size, modified_ns) VALUES (?1, nullif(?2, x''), ?3, ?4, ?5) "
        "ON CONFLICT (path) DO UPDATE SET given = excluded.given, content = excluded.content, size = excluded.size, "
        "modified_ns = excluded.modified_ns",
        path, as_blob(file.given), content, file.size, file.modified_ns)
      .run();
}

void Library::store(const IndexedModel& model, std::span<const NewPicture> pictures) {
  const std::lock_guard lock(*mutex_);
  Transaction transaction(*database_, Transaction::Kind::write);
  std::vector<ContentId> left;  // contents that a file held before
  for (const NewPicture& picture : pictures) {
    const ContentId content = store_content(picture.hash, picture.facts);
    if (!picture.vector.empty()) store_vector(model, content, picture.vector);
    for (const PictureFile& file : picture.files) store_file(file, content, left);
  }
  remove_unused(left);
  transaction.commit();
}

void Library::remove(std::span<const std::int64_t> picture_ids) {
  if (picture_ids.empty()) return;
  const std::lock_guard lock(*mutex_);
  Transaction transaction(*database_, Transaction::Kind::write);
  std::vector<ContentId> left;
  for (const std::int64_t id : picture_ids) {
    Query removed(*database_, "DELETE FROM pictures WHERE id = ? RETURNING content", id);
    while (removed.next()) left.push_back(removed.integer(0));
  }
  remove_unused(left);
  transaction.commit();
}

void Library::remove_unused(std::span<const ContentId> contents) {
  for (const ContentId content : contents) {
    if (Query(*database_, "SELECT 1 FROM pictures WHERE content = ? LIMIT 1", content).next()) continue;
    Query(*database_,
          "UPDATE models SET revision = revision + 1 WHERE id IN (SELECT model FROM vectors WHERE content = ?)",
          content)
        .run();
    Query(*database_, "DELETE FROM vectors WHERE content = ?", content).run();
    Query(*database_, "DELETE FROM caption_words WHERE rowid IN (SELECT id FROM captions WHERE content = ?)", content)
        .run();
    Query(*database_, "DELETE FROM captions WHERE content = ?", content).run();
    Query(*database_, "DELETE FROM contents WHERE id = ?", content).run();
  }
}

}  // namespace gaze
