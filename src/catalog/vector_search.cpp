#include "catalog/vector_search.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "catalog/stored_vector.h"

namespace gaze {
namespace {

constexpr std::int64_t kSampleRows = 4096;

[[noreturn]] void throw_damaged(const Database& database, ContentId content, const std::string& model) {
  throw Error(ErrorCode::library_damaged,
              message("{}: the vector of picture {} under {} is damaged", display(database.path()), content, model),
              message("move the file away and index again; the pictures themselves are not touched"));
}

void copy_vector(Database& database, const IndexedModel& model, ContentId content, float* to) {
  Query query(database, "SELECT vector FROM vectors WHERE model = ? AND content = ?", model.id, content);
  if (!query.next() || !is_unit_vector(query.blob(0), model.dimension)) throw_damaged(database, content, model.name);
  std::memcpy(to, query.blob(0).data(), query.blob(0).size());
}

bool has_vector(Database& database, const IndexedModel& model, ContentId content) {
  return Query(database, "SELECT 1 FROM vectors WHERE model = ? AND content = ?", model.id, content).next();
}

std::vector<ContentId> contents_of(Database& database, const IndexedModel& model) {
  std::vector<ContentId> contents;
  Query query(database, "SELECT content FROM vectors WHERE model = ? ORDER BY content", model.id);
  while (query.next()) contents.push_back(query.integer(0));
  return contents;
}

CodesKey key_of(Database& database, const IndexedModel& model) {
  CodesKey key{{}, model.id, model.revision};
  Query query(database, "SELECT identity FROM library");
  if (query.next() && query.blob(0).size() == key.library.size()) {
    std::copy_n(query.blob(0).begin(), key.library.size(), key.library.begin());
  }
  return key;
}

}  // namespace

VectorSearch::VectorSearch(Library& library, ModelKey model) : library_(library), model_(std::move(model)) {}

VectorCodes VectorSearch::read_codes(const IndexedModel& model, const CodesKey& key) {
  Database& database = *library_.database_;
  const auto contents = contents_of(database, model);
  const auto rows = std::ssize(contents);
  const auto width = static_cast<std::size_t>(model.dimension);

  const std::int64_t samples = std::min(rows, kSampleRows);
  std::vector<float> sample(static_cast<std::size_t>(samples) * width);
  for (std::int64_t i = 0; i < samples; ++i) {  // spread evenly over all
    const ContentId content = contents[static_cast<std::size_t>(i * rows / samples)];
    copy_vector(database, model, content, sample.data() + static_cast<std::size_t>(i) * width);
  }
  VectorCodesBuilder builder(model.dimension, rows, sample, key);
  std::vector<float> vector(width);
  for (const ContentId content : contents) {
    copy_vector(database, model, content, vector.data());
    builder.add(content, vector);
  }
  return builder.finish();
}

void VectorSearch::follow(const IndexedModel& model) {
  const CodesKey key = key_of(*library_.database_, model);
  if (key_ == key) return;
  const auto path = scan_file(library_.path(), model.id);
  if (auto saved = VectorCodes::open(path, key); saved && saved->dimension() == model.dimension) {
    codes_ = *std::move(saved);
  } else {
    codes_ = read_codes(model, key);
    try {
      codes_.save(path);
    } catch (const Error& error) {  // the search goes on without; the next process reads the vectors again
      log_detail(error.message());
    }
  }
  key_ = key;
}

std::vector<FoundPicture> VectorSearch::search(std::span<const float> query, std::int64_t top_k,
                                               std::span<const ContentId> also) {
  const std::lock_guard lock(*library_.mutex_);
  Database& database = *library_.database_;
  const Transaction snapshot(database, Transaction::Kind::read);
  const auto model = library_.read_model(model_);
  if (model) follow(*model);
  if (!model || codes_.size() == 0) {
    throw Error(
        ErrorCode::library_empty, message("{}: no picture is indexed with {}", display(library_.path()), model_.name),
        message("index a folder with this model first: gaze index FOLDER --model {}; `gaze library` tells which "
                "models know its pictures",
                model_.name));
  }
  if (std::ssize(query) != model->dimension) {
    throw Error(ErrorCode::library_damaged,
                message("{}: the vectors of {} have {} dimensions, this model makes {}", display(library_.path()),
                        model_.name, model->dimension, query.size()),
                message("move the file away and index again; the pictures themselves are not touched"));
  }

  const FetchVectors fetch = [&](std::span<const std::int64_t> contents, float* rows) {
    for (const ContentId content : contents) {
      copy_vector(database, *model, content, rows);
      rows += model->dimension;
    }
  };
  const auto add = [&](ContentId content, float score, std::vector<FoundPicture>& to) {
    for (StoredPicture& picture : library_.read_pictures("WHERE content = ? ORDER BY path", content)) {
      to.push_back({std::move(picture), content, score});
    }
  };
  const auto sort = [](std::vector<FoundPicture>& pictures) {
    std::stable_sort(pictures.begin(), pictures.end(), [](const FoundPicture& a, const FoundPicture& b) {
      return a.score != b.score ? a.score > b.score : a.picture.path < b.picture.path;
    });
  };
  std::vector<FoundPicture> found;
  for (const Neighbour& neighbour : exact_search(codes_, query, top_k, fetch)) {
    if (std::ssize(found) >= top_k) break;
    add(neighbour.id, neighbour.score, found);
  }
  sort(found);
  if (std::ssize(found) > top_k) found.resize(static_cast<std::size_t>(top_k));

  std::vector<float> vector(query.size());
  for (const ContentId content : also) {
    const bool there = std::any_of(found.begin(), found.end(), [&](const auto& one) { return one.content == content; });
    if (there || !has_vector(database, *model, content)) continue;
    copy_vector(database, *model, content, vector.data());
    add(content, std::inner_product(query.begin(), query.end(), vector.begin(), 0.0F), found);
  }
  sort(found);
  return found;
}

void VectorSearch::refresh() {
  const std::lock_guard lock(*library_.mutex_);
  const Transaction snapshot(*library_.database_, Transaction::Kind::read);
  if (const auto model = library_.read_model(model_)) follow(*model);
}

}  // namespace gaze
