#include "tasks/search_pictures.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "base/message.h"
#include "catalog/stored_vector.h"
#include "tasks/picture_walk.h"
#include "text/search_words.h"

namespace gaze {
namespace {

constexpr std::int64_t kCaptions = 200;  // as many captions are looked at
constexpr std::int64_t kRange = 100;     // pictures between which the cosines' range is taken

}  // namespace

PictureSearcher::PictureSearcher(Library& library, const DualEncoder& encoder, ModelKey model)
    : encoder_(encoder), vectors_(library, std::move(model)), captions_(library) {}

std::vector<float> PictureSearcher::query_vector(const SearchRequest& request) const {
  if (request.text.has_value() == request.image.has_value()) {
    throw Error(ErrorCode::usage, message("a search needs either a text or a picture"));
  }
  Tensor vector;
  if (request.image) {
    const ImageProcessor& processor = encoder_.image_processor();
    Tensor pixels = Tensor::empty({1, 3, processor.output_height(), processor.output_width()}, DType::f32);
    processor.process(load_image(*request.image, request.decode), pixels.data<float>());
    vector = encoder_.encode_images(pixels);
  } else {
    const EncodeOptions options{.max_length = encoder_.info().context_length};
    const std::vector<std::vector<TokenId>> ids{encoder_.tokenizer().encode(*request.text, options)};
    vector = encoder_.encode_texts(ids);
  }
  const auto values = vector.values<float>();
  if (!is_unit_vector(std::as_bytes(values), encoder_.info().dimension)) {
    throw Error(ErrorCode::bad_weights, message("the model makes no usable vector of this query"),
                message("check the model: gaze models verify"));
  }
  return {values.begin(), values.end()};
}

std::vector<PictureSearcher::Hit> PictureSearcher::find(std::span<const float> query,
                                                        std::span<const FoundCaption> captions, std::int64_t wanted) {
  std::unordered_map<ContentId, const FoundCaption*> by_content;
  std::vector<ContentId> contents;
  for (const FoundCaption& caption : captions) {
    by_content.emplace(caption.content, &caption);
    contents.push_back(caption.content);
  }
  // With captions the range between the best and the hundredth must be known even if fewer are asked for.
  const std::int64_t nearest = captions.empty() ? wanted : std::max(wanted, kRange);
  std::vector<Hit> hits;
  for (FoundPicture& found : vectors_.search(query, nearest, contents)) {
    const float score = found.score;
    hits.push_back({.found = std::move(found), .score = score});
  }
  if (captions.empty() || hits.empty()) return hits;

  const float best = hits.front().score;
  const float last = hits[static_cast<std::size_t>(std::min(kRange, std::ssize(hits)) - 1)].score;
  for (Hit& hit : hits) {
    const auto caption = by_content.find(hit.found.content);
    if (caption == by_content.end()) continue;
    hit.score = std::max(hit.score, last) + (best - last) * static_cast<float>(caption->second->evidence);
    hit.caption = caption->second->text;
  }
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
  if (std::ssize(hits) > wanted) hits.resize(static_cast<std::size_t>(wanted));
  return hits;
}

SearchResult PictureSearcher::search(const SearchRequest& request) {
  const std::vector<float> query = query_vector(request);
  const auto captions =
      request.text ? captions_.search(search_words(*request.text), kCaptions) : std::vector<FoundCaption>{};
  const DualEncoderInfo& info = encoder_.info();
  // Files that are gone are left out and replaced by the next best: more is asked for until there are enough.
  for (std::int64_t wanted = request.top_k;; wanted *= 2) {
    SearchResult answer;
    const std::vector<Hit> hits = find(query, captions, wanted);
    for (const Hit& hit : hits) {
      if (std::ssize(answer.results) == request.top_k) break;
      const StoredPicture& picture = hit.found.picture;
      if (is_missing(picture.path)) {
        ++answer.missing;
        continue;
      }
      FoundResult result{shown_path(picture.path, picture.given), hit.score, {}, picture.facts, hit.caption};
      if (result.caption.empty()) result.caption = captions_.newest(hit.found.content);
      if (info.sigmoid) {
        const double logit = static_cast<double>(hit.found.score) * info.logit_scale + info.logit_bias;
        result.relevance = 1 / (1 + std::exp(-logit));
      }
      answer.results.push_back(std::move(result));
    }
    const bool all = std::ssize(hits) < wanted;
    if (all || std::ssize(answer.results) == request.top_k) return answer;
  }
}

}  // namespace gaze
