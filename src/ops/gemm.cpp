#include "ops/gemm.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include <hwy/targets.h>

#include "base/parallel.h"
#include "ops/elementwise.h"
#include "ops/gemm_kernels.h"
#include "ops/isa.h"
#include "ops/quantize.h"
#include "ops/scratch.h"

namespace gaze {
namespace {

constexpr std::int64_t kChunkBytes = 768 << 10;    // of packed input that one task sweeps: half of a core's L2 cache
constexpr std::int64_t kLeastTaskWords = 4 << 10;  // rows · depth of a panel: a microsecond or two

std::int64_t divide_up(std::int64_t value, std::int64_t by) {
  return (value + by - 1) / by;
}

// 32-bit words that `features` inputs take, and what they are made of.
std::int64_t words_of(GemmKind kind, std::int64_t features) {
  if (kind == GemmKind::int8) return divide_up(features, 4);
  return kind == GemmKind::bf16_pairs ? divide_up(features, 2) : features;
}

DType word_dtype(GemmKind kind, DType bytes) {
  if (kind == GemmKind::int8) return bytes;
  return kind == GemmKind::bf16_pairs ? DType::bf16 : DType::f32;
}

Tensor rows_of(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
  return tensor.defined() ? tensor.rows(begin, end) : tensor;
}

// Weights as a checkpoint has them: of any float type, and at any address.
Tensor readable(const Tensor& weight) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(weight.raw()) % 4 == 0;
  return aligned && (weight.dtype() == DType::f32 || weight.dtype() == DType::bf16) ? weight : weight.to_f32();
}

// Some rows as words: where they lie, if they are words already, else converted.
class WordRows {
 public:
  // `type`: what words are made of; i8 or u8 is quantised. `most`: rows at a time, at most a panel's columns.
  WordRows(DType type, std::int64_t features, std::int64_t words, std::int64_t most)
      : type_(type),
        features_(features),
        words_(words),
        made_(frame_.tensor({most, words * 4 / static_cast<std::int64_t>(size_of(type))}, type)) {
    if (!is_whole()) std::fill_n(made_.raw(), most * words_ * 4, std::byte{0});
  }

  // x: [at most `most`, features], float32 or bf16, which must outlive what is returned; scales: where those of
  // quantised rows go, else undefined.
  std::span<const std::int32_t* const> take(const Tensor& x, const Tensor& scales) {
    const std::int64_t count = x.size(0);
    const bool aligned = reinterpret_cast<std::uintptr_t>(x.raw()) % 4 == 0;
    if (x.dtype() == type_ && is_whole() && aligned) return point_to(x.raw(), count);
    if (is_whole()) {
      store(x, scales, made_.rows(0, count));
    } else {
      for (std::int64_t r = 0; r < count; ++r) {
        store(x.rows(r, r + 1), rows_of(scales, r, r + 1),
              made_.rows(r, r + 1).reshaped({made_.size(1)}).rows(0, features_));
      }
    }
    return point_to(made_.raw(), count);
  }

 private:
  bool is_whole() const { return made_.size(1) == features_; }

  static void store(const Tensor& x, Tensor scales, Tensor to) {
    scales.defined() ? quantize_rows(x, 127, to, scales) : convert(x, to);
  }

  std::span<const std::int32_t* const> point_to(const std::byte* first, std::int64_t count) {
    for (std::int64_t r = 0; r < count; ++r) {
      rows_[static_cast<std::size_t>(r)] = reinterpret_cast<const std::int32_t*>(first + r * words_ * 4);
    }
    return {rows_.data(), static_cast<std::size_t>(count)};
  }

  Scratch::Frame frame_;
  DType type_;
  std::int64_t features_, words_;
  Tensor made_;
  std::array<const std::int32_t*, kPanelColumns> rows_{};
};

}  // namespace

bool is_available(GemmKind kind) {
  if (kind == GemmKind::f32 || kind == GemmKind::bf16) return true;
  const bool vectors = (hwy::SupportedTargets() & HWY_AVX3_DL) != 0;
  return vectors && (kind == GemmKind::int8 ? cpu_features().avx512_vnni : cpu_features().avx512_bf16);
}

PackedGemm::PackedGemm(const StackedWeights& weights, GemmKind kind, Activation activation)
    : out_(weights.out_features()), in_(weights.in_features()), kind_(kind), activation_(activation) {
  GAZE_CHECK(is_available(kind));
  const std::int64_t panels = divide_up(out_, kPanelColumns), padded = panels * kPanelColumns;
  const std::int64_t words = words_of(kind, in_);
  bias_ = Tensor::zeros({padded}, DType::f32);
  if (weights.biased()) std::ranges::copy(weights.bias().values<float>(), bias_.data<float>());
  const bool int8 = kind == GemmKind::int8;
  if (int8) {
    scales_ = Tensor::zeros({padded}, DType::f32);
    correction_ = Tensor::zeros({padded}, DType::i32);
  }
  panels_ = Tensor::empty({panels, words, kPanelColumns}, kind == GemmKind::bf16 ? DType::bf16 : DType::f32);
  parallel_for(panels, [&](std::int64_t panel) { pack(weights, panel); });
}

void PackedGemm::run(const Tensor& x, Tensor& y, bool add) const {
  const std::int64_t rows = x.elements() / in_;
  GAZE_CHECK(rows * in_ == x.elements() && rows * out_ == y.elements() && (!add || y.dtype() == DType::f32));
  if (rows == 0) return;
  const std::int64_t blocks = divide_up(rows, gemm_block_rows());
  const std::int64_t stride = divide_up(divide_up(rows, blocks), 4) * 4, words = words_of(kind_, in_);
  Scratch::Frame frame;
  Tensor input = frame.tensor({blocks, words, stride}, DType::i32), row_scales;
  if (kind_ == GemmKind::int8) row_scales = frame.tensor({rows}, DType::f32);

  GemmCall call{.kind = kind_,
                .activation = activation_,
                .add = add,
                .rows = rows,
                .out = out_,
                .words = words,
                .panels = panels_.raw(),
                .bias = bias_.data<float>(),
                .weight_scales = kind_ == GemmKind::int8 ? scales_.data<float>() : nullptr,
                .correction = kind_ == GemmKind::int8 ? correction_.data<std::int32_t>() : nullptr,
                .row_scales = kind_ == GemmKind::int8 ? row_scales.data<float>() : nullptr,
                .input = input.data<std::int32_t>(),
                .blocks = blocks,
                .block_stride = stride,
                .y = y};
  const Tensor matrix = x.reshaped({rows, in_});
  parallel_for(blocks, [&](std::int64_t block) {
    const std::int64_t first = call.first_row(block), last = call.first_row(block + 1);
    WordRows some(word_dtype(kind_, DType::u8), in_, words, last - first);
    pack_words(some.take(matrix.rows(first, last), rows_of(row_scales, first, last)), words, stride,
               input.data<std::int32_t>() + block * words * stride);
  });

  const std::int64_t panels = panels_.size(0);
  const std::int64_t least_blocks = kind_ == GemmKind::bf16 ? 12 : 1;  // each chunk widens the weights anew
  const std::int64_t block_bytes = words * stride * 4;
  const std::int64_t chunks = divide_up(blocks * block_bytes, std::max(kChunkBytes, least_blocks * block_bytes));
  // One panel a task lets the threads end together; several where one would be over before it began.
  const std::int64_t together = divide_up(kLeastTaskWords, divide_up(rows, chunks) * words);
  const std::int64_t groups = divide_up(panels, together);
  parallel_for(chunks * groups, [&](std::int64_t task) {
    const std::int64_t chunk = task / groups, group = task % groups;
    multiply_panels(call, group * panels / groups, (group + 1) * panels / groups, chunk * blocks / chunks,
                    (chunk + 1) * blocks / chunks);
  });
}

// One panel: its rows of the weights as words, turned into columns.
void PackedGemm::pack(const StackedWeights& weights, std::int64_t panel) {
  const std::int64_t first = panel * kPanelColumns, last = std::min(out_, first + kPanelColumns);
  const std::int64_t words = panels_.size(1);
  Scratch::Frame frame;
  const bool narrow = kind_ == GemmKind::bf16;
  const Shape shape{words, kPanelColumns};
  Tensor columns = narrow ? frame.tensor(shape, DType::f32) : panels_.rows(panel, panel + 1).reshaped(shape);
  if (last - first < kPanelColumns) std::fill_n(columns.raw(), words * kPanelColumns * 4, std::byte{0});
  WordRows some(word_dtype(kind_, DType::i8), in_, words, kPanelColumns);
  std::int64_t layer_begin = 0;
  for (const Tensor& weight : weights.weights) {
    GAZE_CHECK(weight.shape().rank() == 2 && weight.size(1) == in_);
    const std::int64_t begin = std::max(first, layer_begin), end = std::min(last, layer_begin + weight.size(0));
    if (begin < end) {
      const Tensor features = readable(weight.rows(begin - layer_begin, end - layer_begin));
      const auto rows = some.take(features, rows_of(scales_, begin, end));
      pack_words(rows, words, kPanelColumns, reinterpret_cast<std::int32_t*>(columns.raw()) + (begin - first));
      for (std::int64_t r = begin; r < end && kind_ == GemmKind::int8; ++r) {
        const auto* q = reinterpret_cast<const std::int8_t*>(rows[static_cast<std::size_t>(r - begin)]);
        correction_.data<std::int32_t>()[r] = -128 * std::accumulate(q, q + in_, 0);
      }
    }
    layer_begin += weight.size(0);
  }
  if (narrow) {
    Tensor to = panels_.rows(panel, panel + 1).reshaped(shape);
    convert(columns, to);
  }
}

}  // namespace gaze
