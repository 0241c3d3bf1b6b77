// Conversations about the same pictures begin alike: what a decoder read up to the last picture is kept for the next
// one.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "models/llama/decoder.h"
#include "tasks/seen_pictures.h"
#include "tasks/vision_cache.h"

namespace gaze {

class KeptBeginnings {
 public:
  // The cache's identity tells the language model and its precision apart, beside what sees for it. `token` stands for
  // a picture's vector.
  KeptBeginnings(VisionCache cache, TokenId token) : cache_(std::move(cache)), token_(token) {}

  // A new decoder whose pictures are set goes on from what was kept of the prompt's beginning. False: nothing was.
  bool begin(std::span<const TokenId> prompt, std::span<const SeenPicture> shown, llama::TextDecoder& decoder) const;
  // The decoder has read this prompt.
  void keep(std::span<const TokenId> prompt, std::span<const SeenPicture> shown,
            const llama::TextDecoder& decoder) const;

 private:
  std::span<const TokenId> beginning_of(std::span<const TokenId> prompt) const;

  VisionCache cache_;
  TokenId token_;
};

}  // namespace gaze
