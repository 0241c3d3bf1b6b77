// The pictures of a conversation as its model sees them, and how they stand in its prompt.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/llama/chat_model.h"
#include "models/picture_encoder.h"
#include "tasks/vision_cache.h"

namespace gaze {

struct SeenPicture {
  std::uint64_t content;  // of its file
  EncodedPicture picture;
};

// Looks at pictures for one model, which has eyes and outlives it. What it saw is kept in the cache, if there is one.
class PictureLooker {
 public:
  PictureLooker(const llama::ChatModel& model, std::optional<VisionCache> cache)
      : model_(model), cache_(std::move(cache)) {}

  // A picture that is among those `seen` already is not looked at again. `name` is for messages.
  // Errors: decode_image's.
  SeenPicture look_at(std::span<const std::byte> file, const std::string& name, bool exif_rotation,
                      std::span<const SeenPicture> seen) const;

 private:
  bool fits(const EncodedPicture& kept) const;

  const llama::ChatModel& model_;
  std::optional<VisionCache> cache_;
};

// Vectors of all of them.
std::int64_t count_vectors(std::span<const SeenPicture> seen);

// The prompt with all that stands for its pictures in place of each picture's `token`; one that has it already, as some
// processors write it, stays. Errors: usage (other places than pictures).
std::vector<TokenId> with_pictures(const std::vector<TokenId>& prompt, TokenId token,
                                   std::span<const SeenPicture> seen);

// What the decoder reads in their places. `width`: of a vector.
llama::PictureVectors vectors_of(std::span<const SeenPicture> seen, TokenId token, std::int64_t width);

}  // namespace gaze
