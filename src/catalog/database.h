// SQLite behind two small classes: a Database that opens safely and a Query that is bound, stepped and reset.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace gaze {

// One connection; used by one thread at a time. Every failure is a gaze::Error: library_locked (another process holds
// it longer than the busy timeout), library_damaged, disk_full, not_found (cannot be opened or written), out_of_memory.
class Database {
 public:
  enum class Mode { existing, create };

  Database(const std::filesystem::path& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Statements without values or rows, separated by semicolons.
  void run(const std::string& sql);
  std::int64_t last_insert_id() const;
  std::int64_t changes() const;  // rows that the last statement inserted, updated or deleted

  // Throws the Error that a SQLite result code stands for.
  [[noreturn]] void fail(int code) const;

 private:
  friend class Query;
  friend class Transaction;
  sqlite3_stmt* prepared(std::string_view sql);

  std::filesystem::path path_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

// One run of a statement. Values are bound in order and, where they are views, outlive the query.
//   Query query(database, "SELECT id FROM pictures WHERE path = ?", as_blob(path));
//   while (query.next()) use(query.integer(0));
class Query {
 public:
  template <class... Values>
  explicit Query(Database& database, std::string_view sql, const Values&... values)
      : database_(database), statement_(database.prepared(sql)) {
    int index = 0;
    (bind(++index, values), ...);
  }
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  bool next();  // steps to the next row; false at the end
  void run();   // steps to the end

  // Columns of the current row, from 0; views live until the next step.
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::span<const std::byte> blob(int column) const;
  bool is_null(int column) const;

 private:
  void bind(int index, std::int64_t value);
  void bind(int index, const std::optional<double>& value);
  void bind(int index, std::string_view text);
  void bind(int index, std::span<const std::byte> blob);

  Database& database_;
  sqlite3_stmt* statement_;
};

// Rolls back unless committed. A `write` takes the right to write at once, so that it cannot fail halfway for being
// locked; a `read` sees one state of the library however many others write meanwhile.
class Transaction {
 public:
  enum class Kind { read, write };

  Transaction(Database& database, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

inline std::span<const std::byte> as_blob(std::string_view bytes) {
  return std::as_bytes(std::span(bytes));
}

}  // namespace gaze
