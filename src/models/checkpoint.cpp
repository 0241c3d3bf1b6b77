#include "models/checkpoint.h"

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "models/quantised_checkpoint.h"

namespace gaze {

std::string Checkpoint::config_name() const {
  return display(folder / "config.json");
}

std::string Checkpoint::weights_name() const {
  return display(folder);
}

Checkpoint open_checkpoint(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(folder / "config.json", ignored)) {
    throw Error(ErrorCode::model_not_found, message("{}: no checkpoint: there is no config.json", display(folder)),
                message("a checkpoint is a folder with config.json, the weights and the tokenizer's files"));
  }
  return {folder, read_json_file(folder / "config.json"),
          is_quantised_checkpoint(folder) ? open_quantised_weights(folder) : open_weights(folder)};
}

ImageProcessor checked_size(const ImageProcessor& processor, const std::string& origin, int image_size) {
  if (processor.output_height() != image_size || processor.output_width() != image_size) {
    throw Error(ErrorCode::bad_weights,
                message("{}: makes pictures of {}×{}, but config.json says that the model takes {}×{}", origin,
                        processor.output_width(), processor.output_height(), image_size, image_size));
  }
  return processor;
}

ImageProcessor open_image_processor(const std::filesystem::path& folder, int image_size) {
  const std::filesystem::path file = folder / "preprocessor_config.json";
  return checked_size(parse_image_processor(read_json_file(file), display(file)), display(file), image_size);
}

std::unique_ptr<const Tokenizer> open_tokenizer(const Checkpoint& checkpoint, int vocab_size) {
  auto tokenizer = open_tokenizer(checkpoint.folder);
  if (tokenizer->vocabulary_size() > vocab_size) {
    throw Error(ErrorCode::bad_weights,
                message("{}: the tokenizer has {} tokens, but config.json says that the model knows {}",
                        display(checkpoint.folder), tokenizer->vocabulary_size(), vocab_size));
  }
  return tokenizer;
}

std::int64_t count_parameters(const WeightSource& weights) {
  std::int64_t count = 0;
  for (const TensorInfo& tensor : weights.tensors()) {
    if (tensor.dtype != DType::i64 && tensor.dtype != DType::i32) count += tensor.shape.elements();
  }
  return count;
}

}  // namespace gaze
