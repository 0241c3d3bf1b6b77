#include "tasks/seen_pictures.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "catalog/content_hash.h"
#include "ops/elementwise.h"

namespace gaze {

SeenPicture PictureLooker::look_at(std::span<const std::byte> file, const std::string& name, bool exif_rotation,
                                   std::span<const SeenPicture> seen) const {
  const ContentHash hash = content_hash(file);
  SeenPicture shown{};
  std::memcpy(&shown.content, hash.data(), sizeof(shown.content));
  const auto before = std::ranges::find(seen, shown.content, &SeenPicture::content);
  if (before != seen.end()) {
    shown.picture = before->picture;
    return shown;
  }
  // Kept as people see it: turned upright.
  const bool keeps = cache_ && exif_rotation;
  if (std::optional<EncodedPicture> kept = keeps ? cache_->find(hash, model_.config().hidden_size) : std::nullopt;
      kept && fits(*kept)) {
    shown.picture = *std::move(kept);
    return shown;
  }
  shown.picture = model_.pictures()->encode(file, name, {.exif_rotation = exif_rotation});
  if (keeps) cache_->store(hash, shown.picture);
  return shown;
}

// Whether what was kept can stand in a prompt: nothing on the disk is trusted.
bool PictureLooker::fits(const EncodedPicture& kept) const {
  const TokenId most = model_.config().vocab_size, token = model_.pictures()->picture_token();
  const auto known = [&](TokenId id) { return id == token || (id >= 0 && id < most); };
  return std::ranges::all_of(kept.ids, known) && std::ranges::count(kept.ids, token) == kept.vectors.size(0);
}

std::int64_t count_vectors(std::span<const SeenPicture> seen) {
  std::int64_t count = 0;
  for (const SeenPicture& each : seen) count += each.picture.vectors.size(0);
  return count;
}

std::vector<TokenId> with_pictures(const std::vector<TokenId>& prompt, TokenId token,
                                   std::span<const SeenPicture> seen) {
  const auto places = std::ranges::count(prompt, token);
  if (places == count_vectors(seen)) return prompt;
  if (places != std::ssize(seen)) {
    throw Error(ErrorCode::usage,
                message("the prompt has places for {} pictures, and {} were given", places, seen.size()),
                message("write {} once for each picture", "<image>"));
  }
  std::vector<TokenId> whole;
  auto next = seen.begin();
  for (const TokenId id : prompt) {
    if (id != token) {
      whole.push_back(id);
    } else {
      whole.insert(whole.end(), next->picture.ids.begin(), next->picture.ids.end());
      ++next;
    }
  }
  return whole;
}

llama::PictureVectors vectors_of(std::span<const SeenPicture> seen, TokenId token, std::int64_t width) {
  llama::PictureVectors all{.token = token};
  all.vectors = Tensor::empty({count_vectors(seen), width}, DType::f32);
  std::int64_t count = 0;
  for (const auto& [content, picture] : seen) {
    const std::int64_t more = picture.vectors.size(0);
    Tensor to = all.vectors.rows(count, count + more);
    convert(picture.vectors, to);
    all.contents.insert(all.contents.end(), static_cast<std::size_t>(more), content);
    count += more;
  }
  return all;
}

}  // namespace gaze
