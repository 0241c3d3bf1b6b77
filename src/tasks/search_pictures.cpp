#include "tasks/search_pictures.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/message.h"
#include "catalog/stored_vector.h"
#include "tasks/picture_walk.h"

namespace gaze {

PictureSearcher::PictureSearcher(Library& library, const DualEncoder& encoder, ModelKey model)
    : encoder_(encoder), vectors_(library, std::move(model)) {}

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

SearchResult PictureSearcher::search(const SearchRequest& request) {
  const std::vector<float> query = query_vector(request);
  const DualEncoderInfo& info = encoder_.info();
  // Files that are gone are left out and replaced by the next best: more is asked for until there are enough.
  for (std::int64_t wanted = request.top_k;; wanted *= 2) {
    SearchResult answer;
    const auto found = vectors_.search(query, wanted);
    for (const FoundPicture& one : found) {
      if (std::ssize(answer.results) == request.top_k) break;
      if (is_missing(one.picture.path)) {
        ++answer.missing;
        continue;
      }
      FoundResult result{shown_path(one.picture.path, one.picture.given), one.score, {}, one.picture.facts};
      if (info.sigmoid) {
        result.relevance = 1 / (1 + std::exp(-(static_cast<double>(one.score) * info.logit_scale + info.logit_bias)));
      }
      answer.results.push_back(std::move(result));
    }
    const bool all = std::ssize(found) < wanted;
    if (all || std::ssize(answer.results) == request.top_k) return answer;
  }
}

}  // namespace gaze
