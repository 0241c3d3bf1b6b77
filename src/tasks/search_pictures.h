// `gaze search`: the pictures of a library that are nearest to a text or to another picture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "catalog/caption_store.h"
#include "catalog/library.h"
#include "catalog/vector_search.h"
#include "media/image.h"
#include "models/dual_encoder.h"

namespace gaze {

struct SearchRequest {
  std::optional<std::string> text;  // one of the two
  std::optional<std::filesystem::path> image;
  std::int64_t top_k = 5;     // any number
  DecodeOptions decode = {};  // of `image`
};

struct FoundResult {
  std::filesystem::path path;       // as the user gave it, where that still leads to it
  float score = 0;                  // cosine, more where a caption has the words of the query
  std::optional<double> relevance;  // a probability, of models that give one (SigLIP)
  PictureFacts facts;
  std::string caption;  // the one that has the words, else the newest; empty where there is none
};

struct SearchResult {
  std::vector<FoundResult> results;  // best first
  std::int64_t missing = 0;          // better ones left out as their files are gone
};

// Orders by the cosine of the two vectors. Where captions have words of a text query they lift their pictures: by up to
// what lies between the best and the hundredth, so that vectors and captions count alike whatever the model's cosines.
//
// Answers one search after the other over one library and one model; what the search needs stays in memory between
// them. One search at a time. What is passed by reference outlives it.
class PictureSearcher {
 public:
  // `model`: the encoder's, as it was when the pictures were indexed.
  PictureSearcher(Library& library, const DualEncoder& encoder, ModelKey model);

  // Errors: library_empty (nothing is indexed with this model), usage (not one of text and image), bad_weights (no
  // usable vector of the query), the picture's, the library's.
  SearchResult search(const SearchRequest& request);

 private:
  std::vector<float> query_vector(const SearchRequest& request) const;

  struct Hit {
    FoundPicture found;  // its score is the cosine
    float score = 0;
    std::string caption;  // that has words of the query
  };
  std::vector<Hit> find(std::span<const float> query, std::span<const FoundCaption> captions, std::int64_t wanted);

  const DualEncoder& encoder_;
  VectorSearch vectors_;
  CaptionStore captions_;
};

}  // namespace gaze
