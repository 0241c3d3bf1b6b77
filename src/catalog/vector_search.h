// Finds the pictures of a library whose vectors are nearest to a query's.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "catalog/library.h"
#include "index/exact_search.h"

namespace gaze {

struct FoundPicture {
  StoredPicture picture;
  ContentId content = 0;
  float score = 0;  // cosine
};

// Keeps the codes of one model's vectors between searches, and follows the library as it changes. They are kept in a
// scan file beside the library too, so that a new process can begin at once. One search at a time.
class VectorSearch {
 public:
  // The library outlives the search.
  VectorSearch(Library& library, ModelKey model);

  // The `top_k` best pictures: highest score first, then by path; two files with the same content are two pictures.
  // Errors: library_empty where nothing is indexed with this model, usage where `query` has not its dimension.
  // The pictures of the contents in `also` that have a vector are found too, however far they are.
  std::vector<FoundPicture> search(std::span<const float> query, std::int64_t top_k,
                                   std::span<const ContentId> also = {});

  // Brings the codes and their file up to date, as a search would; nothing where nothing is indexed.
  void refresh();

 private:
  void follow(const IndexedModel& model);
  VectorCodes read_codes(const IndexedModel& model, const CodesKey& key);

  Library& library_;
  const ModelKey model_;
  std::optional<CodesKey> key_;  // of codes_
  VectorCodes codes_;
};

}  // namespace gaze
