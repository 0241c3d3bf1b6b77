#include "weights/views.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/message.h"
#include "tensor/quantise.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

class Renamed final : public WeightSource {
 public:
  Renamed(std::shared_ptr<const WeightSource> source, const std::string& origin,
          const std::function<std::optional<std::string>(std::string_view)>& rename)
      : source_(std::move(source)), origin_(origin) {
    for (const TensorInfo& info : source_->tensors()) {
      std::optional<std::string> name = rename(info.name);
      if (!name) continue;
      if (!original_.emplace(*name, info.name).second) {
        refuse(origin, message("two tensors are called {}", in_quotes(*name)));
      }
      infos_.push_back({*name, info.dtype, info.shape});
    }
    std::ranges::sort(infos_, {}, &TensorInfo::name);
  }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  Tensor tensor(std::string_view name) const override { return source_->tensor(original(name)); }
  void forget(std::string_view name) const override { source_->forget(original(name)); }
  std::optional<BlockTensor> blocks(std::string_view name) const override { return source_->blocks(original(name)); }

 private:
  const std::string& original(std::string_view name) const {
    const auto found = original_.find(name);
    if (found == original_.end()) refuse_missing(origin_, name);
    return found->second;
  }

  std::shared_ptr<const WeightSource> source_;
  std::string origin_;
  std::map<std::string, std::string, std::less<>> original_;
  std::vector<TensorInfo> infos_;
};

class Joined final : public WeightSource {
 public:
  Joined(std::shared_ptr<const WeightSource> first, std::shared_ptr<const WeightSource> second,
         const std::string& origin)
      : first_(std::move(first)), second_(std::move(second)), infos_(first_->tensors()) {
    for (const TensorInfo& info : second_->tensors()) {
      if (first_->find(info.name)) refuse(origin, message("two tensors are called {}", in_quotes(info.name)));
      infos_.push_back(info);
    }
    std::ranges::sort(infos_, {}, &TensorInfo::name);
  }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  Tensor tensor(std::string_view name) const override { return of(name).tensor(name); }
  void forget(std::string_view name) const override { of(name).forget(name); }
  std::optional<BlockTensor> blocks(std::string_view name) const override { return of(name).blocks(name); }

 private:
  const WeightSource& of(std::string_view name) const { return second_->find(name) ? *second_ : *first_; }

  std::shared_ptr<const WeightSource> first_, second_;
  std::vector<TensorInfo> infos_;
};

class WithoutBlocks final : public WeightSource {
 public:
  explicit WithoutBlocks(std::shared_ptr<const WeightSource> source) : source_(std::move(source)) {}
  const std::vector<TensorInfo>& tensors() const override { return source_->tensors(); }
  Tensor tensor(std::string_view name) const override { return source_->tensor(name); }
  void forget(std::string_view name) const override { source_->forget(name); }

 private:
  std::shared_ptr<const WeightSource> source_;
};

class WithQ8Blocks final : public WeightSource {
 public:
  explicit WithQ8Blocks(std::shared_ptr<const WeightSource> source) : source_(std::move(source)) {}
  const std::vector<TensorInfo>& tensors() const override { return source_->tensors(); }
  Tensor tensor(std::string_view name) const override { return source_->tensor(name); }
  void forget(std::string_view name) const override { source_->forget(name); }

  std::optional<BlockTensor> blocks(std::string_view name) const override {
    if (auto stored = source_->blocks(name)) return stored;
    const TensorInfo* info = source_->find(name);
    if (!info || info->shape.rank() != 2 || info->shape[1] % block_elements(BlockType::q8_0) != 0) return {};
    BlockTensor blocks = quantise_q8_0(source_->tensor(name));
    source_->forget(name);
    return blocks;
  }

 private:
  std::shared_ptr<const WeightSource> source_;
};

}  // namespace

std::shared_ptr<const WeightSource> renamed(std::shared_ptr<const WeightSource> source, const std::string& origin,
                                            const std::function<std::optional<std::string>(std::string_view)>& rename) {
  return std::make_shared<Renamed>(std::move(source), origin, rename);
}

std::shared_ptr<const WeightSource> joined(std::shared_ptr<const WeightSource> first,
                                           std::shared_ptr<const WeightSource> second, const std::string& origin) {
  return std::make_shared<const Joined>(std::move(first), std::move(second), origin);
}

std::shared_ptr<const WeightSource> without_blocks(std::shared_ptr<const WeightSource> source) {
  return std::make_shared<WithoutBlocks>(std::move(source));
}

std::shared_ptr<const WeightSource> with_q8_blocks(std::shared_ptr<const WeightSource> source) {
  return std::make_shared<WithQ8Blocks>(std::move(source));
}

}  // namespace gaze
