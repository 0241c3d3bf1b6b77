#include "nn/patch_embedding.h"

#include "ops/elementwise.h"
#include "ops/patches.h"
#include "ops/scratch.h"

namespace gaze {

PatchEmbedding::PatchEmbedding(const Weights& weights, Precision precision)
    : patch_size_(weights.kernel.size(2)), projection_(weights.kernel, weights.bias, precision) {
  const std::int64_t width = weights.kernel.size(0);
  if (weights.class_embedding.defined()) class_embedding_ = weights.class_embedding.reshaped({1, width});
  position_embedding_ = weights.position_embedding.reshaped({weights.position_embedding.elements() / width, width});
}

void PatchEmbedding::operator()(const Tensor& pixels, Tensor& hidden) const {
  const bool has_class = class_embedding_.defined();
  const std::int64_t batch = pixels.size(0), width = projection_.out_features(), patches = tokens() - has_class;
  Scratch::Frame frame;
  Tensor rows = frame.tensor({batch * patches, projection_.in_features()}, projection_.input_dtype());
  extract_patches(pixels, patch_size_, rows);
  Tensor all = hidden.reshaped({batch * tokens(), width});
  if (!has_class) {
    projection_(rows, all);
  } else {
    Tensor embedded = frame.tensor({batch * patches, width}, DType::f32);
    projection_(rows, embedded);
    for (std::int64_t image = 0; image < batch; ++image) {
      const std::int64_t first = image * tokens();
      Tensor class_token = all.rows(first, first + 1), rest = all.rows(first + 1, first + tokens());
      convert(class_embedding_, class_token);
      convert(embedded.rows(image * patches, (image + 1) * patches), rest);
    }
  }
  add_broadcast(hidden, position_embedding_);
}

}  // namespace gaze
