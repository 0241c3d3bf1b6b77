#include "weights/dequantized_source.h"

#include <algorithm>

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::string_view kSuffix = "_scale";

class DequantizedSource : public WeightSource {
 public:
  explicit DequantizedSource(std::shared_ptr<const WeightSource> source) : source_(std::move(source)) {
    for (const TensorInfo& info : source_->tensors()) {
      const std::string_view name = info.name;
      if (name.ends_with(kSuffix) && is_quantized(name.substr(0, name.size() - kSuffix.size()))) continue;
      TensorInfo shown = info;
      if (is_quantized(name)) {
        const TensorInfo& scale = *source_->find(std::string(name) + std::string(kSuffix));
        if (scale.dtype != DType::f32 || info.shape.rank() < 1 || scale.shape != Shape{info.shape[0]}) {
          throw Error(ErrorCode::bad_weights, message("tensor {}: its scale {} must be F32 [{}]", name,
                                                      to_string(scale.shape), info.shape.rank() ? info.shape[0] : 0));
        }
        shown.dtype = DType::f32;
      }
      tensors_.push_back(std::move(shown));
    }
  }

  const std::vector<TensorInfo>& tensors() const override { return tensors_; }

  void forget(std::string_view name) const override { source_->forget(name); }

  Tensor tensor(std::string_view name) const override {
    Tensor stored = source_->tensor(name);
    if (!is_quantized(name)) return stored;
    const Tensor scales = source_->tensor(std::string(name) + std::string(kSuffix)).to_f32();
    Tensor wide = stored.to_f32();
    const std::int64_t rows = wide.size(0), width = rows == 0 ? 0 : wide.elements() / rows;
    for (std::int64_t r = 0; r < rows; ++r) {
      float* row = wide.data<float>() + r * width;
      const float scale = scales.data<float>()[r];
      std::for_each(row, row + width, [scale](float& weight) { weight *= scale; });
    }
    return wide;
  }

 private:
  bool is_quantized(std::string_view name) const {
    const TensorInfo* info = source_->find(name);
    return info && info->dtype == DType::i8 && source_->find(std::string(name) + std::string(kSuffix));
  }

  std::shared_ptr<const WeightSource> source_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace

std::shared_ptr<const WeightSource> dequantized(std::shared_ptr<const WeightSource> source) {
  return std::make_shared<DequantizedSource>(std::move(source));
}

}  // namespace gaze
