#include "tasks/keep_caption.h"

#include <cmath>

#include <fmt/format.h>

#include "base/file.h"
#include "base/limits.h"
#include "catalog/content_hash.h"
#include "tasks/picture_pipeline.h"
#include "text/search_words.h"

namespace gaze {

std::string one_line(std::string text) {
  for (char& c : text) c = c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

void keep_caption(CaptionStore& store, const CaptionKey& key, const CaptionedPicture& picture) {
  const Bytes bytes = read_file(picture.file.path, limits().image_file_bytes);
  const CaptionCandidate& best = picture.candidates.front();
  const OrderedJson score = std::isnan(best.score) ? OrderedJson(nullptr) : OrderedJson(best.score);
  const OrderedJson candidates = OrderedJson::array({{{"text", best.text}, {"score", score}, {"ids", best.ids}}});
  const NewCaption caption{.hash = content_hash(bytes),
                           .facts = facts_of(bytes, read_image_header(bytes)),
                           .files = {picture.file},
                           .caption = {best.text, dump_json(candidates)},
                           .words = fmt::format("{}", fmt::join(search_words(best.text), " "))};
  store.store(key, std::span(&caption, 1));
}

}  // namespace gaze
