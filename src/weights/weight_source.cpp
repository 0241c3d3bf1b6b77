#include "weights/weight_source.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "weights/gguf.h"
#include "weights/pytorch.h"
#include "weights/safetensors.h"
#include "weights/sharded.h"
#include "weights/weight_file.h"

namespace gaze {

const TensorInfo* WeightSource::find(std::string_view name) const {
  const auto& all = tensors();
  const auto found = std::lower_bound(
      all.begin(), all.end(), name, [](const TensorInfo& info, std::string_view wanted) { return info.name < wanted; });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

void WeightSource::forget(std::string_view) const {}

std::optional<BlockTensor> WeightSource::blocks(std::string_view) const {
  return std::nullopt;
}

std::shared_ptr<const WeightSource> open_weights(const std::filesystem::path& folder_or_file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(folder_or_file, ignored)) {
    for (const char* name :
         {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}) {
      if (std::filesystem::exists(folder_or_file / name, ignored)) return open_weights(folder_or_file / name);
    }
    throw Error(ErrorCode::not_found, message("{}: no weights in this folder", display(folder_or_file)),
                message("looked for model.safetensors and pytorch_model.bin, whole or with an index of shards"));
  }
  if (folder_or_file.extension() == ".json") return open_sharded(folder_or_file);
  const WeightFile file = map_weight_file(folder_or_file);
  for (const char* extension : {".bin", ".pth", ".pt", ".ckpt"}) {
    if (folder_or_file.extension() == extension) return read_pytorch(file);
  }
  if (folder_or_file.extension() == ".gguf") return std::make_shared<GgufFile>(file);
  return read_safetensors(file);
}

}  // namespace gaze
