#include "catalog/database.h"

#include <sqlite3.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "catalog/caption_evidence.h"

namespace gaze {
namespace {

constexpr int kBusyTimeoutMs = 5000;
// Far above any path or vector; a damaged file cannot make us allocate more for one value.
constexpr int kLargestValueBytes = 16 * 1024 * 1024;

// SQLite says "full" for ENOSPC alone; a quota or a limit on file sizes comes as one of these.
bool means_full(int code) {
  return (code & 0xFF) == SQLITE_FULL || code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE ||
         code == SQLITE_IOERR_FSYNC;
}

}  // namespace

Database::Database(const std::filesystem::path& path, Mode mode) : path_(path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (mode == Mode::create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr);
  try {
    if (code != SQLITE_OK) fail(code);
    sqlite3_busy_timeout(handle_, kBusyTimeoutMs);
    sqlite3_limit(handle_, SQLITE_LIMIT_LENGTH, kLargestValueBytes);
    // The file may come from anywhere: nothing in its schema runs.
    for (const int setting : {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                              SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DQS_DDL, SQLITE_DBCONFIG_DQS_DML}) {
      sqlite3_db_config(handle_, setting, 0, nullptr);
    }
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    add_caption_evidence(handle_);
    // Pages of 16 KiB hold seven vectors of 512 floats; the default of 4 KiB holds one and wastes half.
    run("PRAGMA page_size = 16384; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;"
        "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;"
        "PRAGMA journal_size_limit = 16777216");
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(handle_);
}

sqlite3_stmt* Database::prepared(std::string_view sql) {
  const auto [entry, is_new] = statements_.try_emplace(std::string(sql), nullptr);
  if (is_new) {
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &entry->second, nullptr);
    if (code != SQLITE_OK) {
      statements_.erase(entry);
      fail(code);
    }
  }
  GAZE_CHECK(!sqlite3_stmt_busy(entry->second));
  return entry->second;
}

void Database::fail(int code) const {
  const std::string name = display(path_);
  const std::string reason = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  if (means_full(code)) {
    throw Error(ErrorCode::disk_full, message("{}: no room left on the disk", name),
                message("make room, then run the same command again: what is stored is kept"));
  }
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorCode::library_locked, message("{}: another program is writing to the library", name),
                  message("wait until it is done, then try again"));
    case SQLITE_NOMEM:
      throw Error(ErrorCode::out_of_memory, message("{}: not enough memory", name));
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      throw Error(ErrorCode::not_found, message("{}: cannot be opened: {}", name, reason));
    default:  // CORRUPT, NOTADB, IOERR while reading, and what only a schema that is not ours can cause
      throw Error(ErrorCode::library_damaged, message("{}: the library is damaged: {}", name, reason),
                  message("move the file away and index again; the pictures themselves are not touched"));
  }
}

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::next() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) database_.fail(code);
  return code == SQLITE_ROW;
}

void Query::run() {
  while (next()) {
  }
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Query::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string Query::text(int column) const {
  const auto bytes = blob(column);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> Query::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Query::bind(int index, std::int64_t value) {
  GAZE_CHECK(sqlite3_bind_int64(statement_, index, value) == SQLITE_OK);
}

void Query::bind(int index, std::string_view text) {
  const int code = sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) database_.fail(code);
}

void Query::bind(int index, std::span<const std::byte> blob) {
  // A null pointer would bind NULL: an empty blob is not one.
  const void* data = blob.empty() ? static_cast<const void*>("") : blob.data();
  const int code = sqlite3_bind_blob64(statement_, index, data, blob.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) database_.fail(code);
}

void Query::bind(int index, const std::optional<double>& value) {
  const int code = value ? sqlite3_bind_double(statement_, index, *value) : sqlite3_bind_null(statement_, index);
  GAZE_CHECK(code == SQLITE_OK);
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  Query(database_, kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN").run();
}

Transaction::~Transaction() {
  // After some failures (a full disk) SQLite has rolled back by itself: asking again is an error to ignore.
  if (open_ && !sqlite3_get_autocommit(database_.handle_)) {
    sqlite3_exec(database_.handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  Query(database_, "COMMIT").run();
  open_ = false;
}

}  // namespace gaze
