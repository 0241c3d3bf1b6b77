#include "catalog/caption_store.h"

#include <algorithm>
#include <unordered_set>

namespace gaze {
namespace {

constexpr std::size_t kMostWords = 32;  // of a query: FTS5 bounds the depth of expressions

StoredCaption caption_of(const Query& row) {
  return {row.text(0), row.text(1)};
}

std::optional<ContentId> content_of(Database& database, std::string_view path) {
  Query query(database, "SELECT content FROM pictures WHERE path = ?", as_blob(path));
  if (!query.next()) return {};
  return query.integer(0);
}

// As FTS5 reads it: any of the words. A quoted word is never an operator.
std::string any_of(std::span<const std::string> words) {
  std::string expression;
  for (const std::string& word : words) {
    if (!expression.empty()) expression += " OR ";
    expression += '"';
    for (const char c : word) expression += c == '"' ? std::string("\"\"") : std::string(1, c);
    expression += '"';
  }
  return expression;
}

// Those of the words that say something: most captions do not have them (caption_evidence.h). All, where none does.
std::vector<std::string> telling(Database& database, std::span<const std::string> words) {
  Query captions(database, "SELECT count(*) FROM captions");
  const std::int64_t half = captions.next() ? captions.integer(0) / 2 : 0;
  std::vector<std::string> some;
  for (const std::string& word : words) {
    const std::string expression = any_of({&word, 1});  // bound, not copied
    Query with_word(database, "SELECT count(*) FROM (SELECT 1 FROM caption_words WHERE caption_words MATCH ? LIMIT ?)",
                    std::string_view(expression), half + 1);
    if (with_word.next() && with_word.integer(0) <= half) some.push_back(word);
  }
  return some.empty() ? std::vector<std::string>(words.begin(), words.end()) : some;
}

}  // namespace

std::optional<StoredCaption> CaptionStore::find(const PictureFile& file, const CaptionKey& key) {
  const std::lock_guard lock(*library_.mutex_);
  Query query(*library_.database_,
              "SELECT text, candidates FROM pictures JOIN captions ON captions.content = pictures.content "
              "WHERE path = ? AND size = ? AND modified_ns = ? AND weights = ? AND settings = ?",
              as_blob(file.path), file.size, file.modified_ns, std::string_view(key.model.weights),
              std::string_view(key.settings));
  if (!query.next()) return {};
  return caption_of(query);
}

std::optional<StoredCaption> CaptionStore::find(const ContentHash& hash, const CaptionKey& key) {
  const std::lock_guard lock(*library_.mutex_);
  Query query(*library_.database_,
              "SELECT text, candidates FROM contents JOIN captions ON captions.content = contents.id "
              "WHERE hash = ? AND weights = ? AND settings = ?",
              std::span<const std::byte>(hash), std::string_view(key.model.weights), std::string_view(key.settings));
  if (!query.next()) return {};
  return caption_of(query);
}

void CaptionStore::store(const CaptionKey& key, std::span<const NewCaption> captions) {
  const std::lock_guard lock(*library_.mutex_);
  Database& database = *library_.database_;
  const std::string_view name = key.model.name, weights = key.model.weights, settings = key.settings;
  Transaction transaction(database, Transaction::Kind::write);
  std::vector<ContentId> left;
  for (const NewCaption& one : captions) {
    const ContentId content = library_.store_content(one.hash, one.facts);
    for (const PictureFile& file : one.files) library_.store_file(file, content, left);

    // Gone are those of older weights, and this one where another process made it meanwhile.
    const std::string replaced =
        "content = ?1 AND ((model = ?2 AND weights <> ?3) OR (weights = ?3 AND settings = ?4))";
    Query(database, "DELETE FROM caption_words WHERE rowid IN (SELECT id FROM captions WHERE " + replaced + ")",
          content, name, weights, settings)
        .run();
    Query(database, "DELETE FROM captions WHERE " + replaced, content, name, weights, settings).run();
    Query(database,
          "INSERT INTO captions (content, model, weights, settings, text, candidates) VALUES (?, ?, ?, ?, ?, ?)",
          content, name, weights, settings, std::string_view(one.caption.text),
          std::string_view(one.caption.candidates))
        .run();
    Query(database, "INSERT INTO caption_words (rowid, words) VALUES (?, ?)", database.last_insert_id(),
          std::string_view(one.words))
        .run();
  }
  library_.remove_unused(left);
  transaction.commit();
}

void CaptionStore::store_file(const PictureFile& file, const ContentHash& hash) {
  const std::lock_guard lock(*library_.mutex_);
  Transaction transaction(*library_.database_, Transaction::Kind::write);
  std::vector<ContentId> left;
  library_.store_file(file, library_.store_content(hash, {}), left);
  library_.remove_unused(left);
  transaction.commit();
}

std::vector<FoundCaption> CaptionStore::search(std::span<const std::string> words, std::int64_t most) {
  std::vector<FoundCaption> found;
  if (words.empty()) return found;
  std::unordered_set<ContentId> seen;
  const std::lock_guard lock(*library_.mutex_);
  const std::string expression = any_of(telling(*library_.database_, words.first(std::min(words.size(), kMostWords))));
  // A content with captions in several languages comes up several times.
  Query query(*library_.database_,
              "SELECT content, text, evidence FROM (SELECT rowid, caption_evidence(caption_words) AS evidence "
              "FROM caption_words WHERE caption_words MATCH ? ORDER BY evidence DESC LIMIT ?) AS hits "
              "JOIN captions ON captions.id = hits.rowid ORDER BY evidence DESC, content",
              std::string_view(expression), most);
  while (query.next()) {
    if (seen.insert(query.integer(0)).second) found.push_back({query.integer(0), query.text(1), query.real(2)});
  }
  return found;
}

std::string CaptionStore::newest(ContentId content) {
  const std::lock_guard lock(*library_.mutex_);
  Query query(*library_.database_, "SELECT text FROM captions WHERE content = ? ORDER BY id DESC LIMIT 1", content);
  return query.next() ? query.text(0) : std::string();
}

void CaptionStore::follow_rewrite(const PictureFile& file, const ContentHash& hash) {
  const std::lock_guard lock(*library_.mutex_);
  Database& database = *library_.database_;
  Transaction transaction(database, Transaction::Kind::write);
  const std::optional<ContentId> before = content_of(database, file.path);
  if (!before) return;
  // Other files may still hold what was, so the new content gets copies; where none does, the old one goes below.
  Query(database,
        "INSERT INTO contents (hash, width, height, taken, camera, latitude, longitude) "
        "SELECT ?, width, height, taken, camera, latitude, longitude FROM contents WHERE id = ? ON CONFLICT DO NOTHING",
        std::span<const std::byte>(hash), *before)
      .run();
  const ContentId after = library_.store_content(hash, {});
  Query(database, "UPDATE models SET revision = revision + 1 WHERE id IN (SELECT model FROM vectors WHERE content = ?)",
        *before)
      .run();
  Query(database,
        "INSERT INTO vectors (model, content, vector) SELECT model, ?, vector FROM vectors WHERE content = ? "
        "ON CONFLICT DO NOTHING",
        after, *before)
      .run();
  Query(database,
        "INSERT INTO captions (content, model, weights, settings, text, candidates) "
        "SELECT ?, model, weights, settings, text, candidates FROM captions WHERE content = ? ON CONFLICT DO NOTHING",
        after, *before)
      .run();
  Query(database,
        "INSERT INTO caption_words (rowid, words) SELECT new.id, words FROM captions AS new JOIN captions AS old "
        "USING (weights, settings) JOIN caption_words ON caption_words.rowid = old.id "
        "WHERE new.content = ?1 AND old.content = ?2 AND ?1 <> ?2 AND new.id NOT IN (SELECT rowid FROM caption_words)",
        after, *before)
      .run();
  std::vector<ContentId> left;
  library_.store_file(file, after, left);
  library_.remove_unused(left);
  transaction.commit();
}

}  // namespace gaze
