#include "catalog/caption_evidence.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <vector>

#include <sqlite3.h>

#include "base/check.h"

namespace gaze {
namespace {

// Of one query; lives as long as it runs.
struct Rarity {
  std::vector<double> of_word;
  double all_words = 0;
  double largest = 0;  // that a word can have here
};

int count_row(const Fts5ExtensionApi*, Fts5Context*, void* count) {
  ++*static_cast<sqlite3_int64*>(count);
  return SQLITE_OK;
}

double inverse_frequency(sqlite3_int64 rows, sqlite3_int64 with_word) {
  const double frequency =
      std::log((static_cast<double>(rows - with_word) + 0.5) / (static_cast<double>(with_word) + 0.5));
  return std::max(frequency, 1e-6);  // as FTS5's bm25: never against a caption
}

std::unique_ptr<Rarity> read_rarity(const Fts5ExtensionApi& api, Fts5Context* context, int& code) {
  auto rarity = std::make_unique<Rarity>();
  sqlite3_int64 rows = 0;
  code = api.xRowCount(context, &rows);
  for (int word = 0; code == SQLITE_OK && word < api.xPhraseCount(context); ++word) {
    sqlite3_int64 with_word = 0;
    code = api.xQueryPhrase(context, word, &with_word, count_row);
    rarity->of_word.push_back(inverse_frequency(rows, with_word));
    rarity->all_words += rarity->of_word.back();
  }
  rarity->largest = inverse_frequency(rows, 1);
  return rarity;
}

double evidence_of(const Fts5ExtensionApi& api, Fts5Context* context, const Rarity& rarity, int& code) {
  int places = 0;
  code = api.xInstCount(context, &places);
  std::uint64_t seen = 0;
  double found = 0;
  for (int i = 0; code == SQLITE_OK && i < places; ++i) {
    int word = 0, column = 0, offset = 0;
    code = api.xInst(context, i, &word, &column, &offset);
    const std::uint64_t bit = std::uint64_t{1} << (word & 63);  // queries are shorter
    if (code == SQLITE_OK && !(seen & bit)) found += rarity.of_word[static_cast<std::size_t>(word)];
    seen |= bit;
  }
  const double share = found / rarity.all_words;
  return share * share * share * std::min(1.0, found / rarity.largest);
}

void caption_evidence(const Fts5ExtensionApi* api, Fts5Context* context, sqlite3_context* result, int,
                      sqlite3_value**) {
  int code = SQLITE_OK;
  try {
    auto* rarity = static_cast<Rarity*>(api->xGetAuxdata(context, 0));
    if (!rarity) {
      auto made = read_rarity(*api, context, code);
      rarity = made.get();
      if (code == SQLITE_OK) {
        code = api->xSetAuxdata(context, made.release(), [](void* data) { delete static_cast<Rarity*>(data); });
      }
    }
    const double evidence = code == SQLITE_OK ? evidence_of(*api, context, *rarity, code) : 0;
    if (code == SQLITE_OK) return sqlite3_result_double(result, evidence);
  } catch (const std::bad_alloc&) {  // no exception may pass through SQLite
    code = SQLITE_NOMEM;
  }
  sqlite3_result_error_code(result, code);
}

// SQLite, "Extending FTS5": the interface comes through a pointer bound to a function of that name.
fts5_api* fts5_of(sqlite3* connection) {
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
  return api;
}

}  // namespace

void add_caption_evidence(sqlite3* connection) {
  fts5_api* api = fts5_of(connection);
  GAZE_CHECK(api != nullptr);  // Debian's SQLite has it
  GAZE_CHECK(api->xCreateFunction(api, "caption_evidence", nullptr, caption_evidence, nullptr) == SQLITE_OK);
}

}  // namespace gaze
