#include "catalog/schema.h"

#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::int64_t kApplicationId = 0x47415A45;  // "GAZE", bytes 68 to 71 of the file

// A picture is known by its content: `contents` is what was looked at, `pictures` the files that hold it.
// Paths are blobs: a file name is bytes, not text.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE library (identity BLOB NOT NULL CHECK (length(identity) = 16)) STRICT;
INSERT INTO library VALUES (randomblob(16));

CREATE TABLE contents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  taken TEXT,
  camera TEXT,
  latitude REAL,
  longitude REAL
) STRICT;

CREATE TABLE pictures (
  id INTEGER PRIMARY KEY,
  path BLOB NOT NULL UNIQUE,
  given BLOB,
  content INTEGER NOT NULL REFERENCES contents (id),
  size INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX pictures_by_content ON pictures (content);

CREATE TABLE models (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  weights TEXT NOT NULL UNIQUE,
  dimension INTEGER NOT NULL,
  revision INTEGER NOT NULL
) STRICT;

CREATE TABLE vectors (
  id INTEGER PRIMARY KEY,
  model INTEGER NOT NULL REFERENCES models (id),
  content INTEGER NOT NULL REFERENCES contents (id),
  vector BLOB NOT NULL,
  UNIQUE (model, content)
) STRICT;
CREATE INDEX vectors_by_content ON vectors (content);
)sql";

// What models said of a content, and their words for finding it again: caption_words' rowid is the caption's id.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE captions (
  id INTEGER PRIMARY KEY,
  content INTEGER NOT NULL REFERENCES contents (id),
  model TEXT NOT NULL,
  weights TEXT NOT NULL,
  settings TEXT NOT NULL,
  text TEXT NOT NULL,
  candidates TEXT NOT NULL,
  UNIQUE (content, weights, settings)
) STRICT;

CREATE VIRTUAL TABLE caption_words USING fts5 (words, tokenize = 'porter unicode61 remove_diacritics 2');
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2};

std::int64_t pragma(Database& database, const std::string& name) {
  Query query(database, "PRAGMA " + name);
  return query.next() ? query.integer(0) : 0;
}

// Version and kind as the file says; refuses what is not a library that we can read.
std::int64_t checked_version(Database& database, std::int64_t newest) {
  const std::int64_t version = pragma(database, "user_version");
  const std::int64_t kind = pragma(database, "application_id");
  const bool empty = version == 0 && kind == 0 && !Query(database, "SELECT 1 FROM sqlite_schema LIMIT 1").next();
  if (!empty && (kind != kApplicationId || version < 1)) {
    throw Error(ErrorCode::library_damaged, message("{}: not a Gaze library", display(database.path())),
                message("name another file with --library"));
  }
  if (version > newest) {
    throw Error(ErrorCode::library_damaged,
                message("{}: written by a newer Gaze (version {} of the library, this one reads up to {})",
                        display(database.path()), version, newest),
                message("update Gaze, or name another file with --library"));
  }
  return version;
}

}  // namespace

std::span<const char* const> library_migrations() {
  return kMigrations;
}

void prepare_schema(Database& database, std::span<const char* const> migrations) {
  const auto newest = std::ssize(migrations);
  if (checked_version(database, newest) == newest) return;

  // Also for a new file: readers never wait for a writer, and a kill leaves whole transactions only.
  Query(database, "PRAGMA journal_mode = WAL").run();
  Transaction transaction(database, Transaction::Kind::write);
  // Asked again: another process may have done it while we waited for the right to write.
  for (std::int64_t version = checked_version(database, newest); version < newest; ++version) {
    database.run(migrations[static_cast<std::size_t>(version)]);
  }
  database.run("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.run("PRAGMA user_version = " + std::to_string(newest));
  transaction.commit();
}

}  // namespace gaze
