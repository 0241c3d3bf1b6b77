#include "ops/onednn_matmul.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include <omp.h>

#include "base/parallel.h"
#include "ops/elementwise.h"
#include "ops/isa.h"
#include "ops/quantize.h"
#include "ops/scratch.h"

namespace gaze {
namespace {

using Memory = dnnl::memory;
using Type = Memory::data_type;
using Tag = Memory::format_tag;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// One a thread: streams are not shared.
dnnl::stream& stream() {
  static thread_local dnnl::stream mine(engine());
  return mine;
}

Type to_dnnl(DType type) {
  switch (type) {
    case DType::f32:
      return Type::f32;
    case DType::bf16:
      return Type::bf16;
    case DType::i8:
      return Type::s8;
    default:
      GAZE_CHECK(type == DType::u8);
      return Type::u8;
  }
}

// Matrices have a leading extent of one: only so does oneDNN 2.6 fuse a factor a row into its fast kernels.
Memory::desc matrix(std::int64_t rows, std::int64_t columns, Type type, Tag tag = Tag::abc) {
  return {{1, rows, columns}, type, tag};
}

Memory view(const Memory::desc& description, const Tensor& tensor) {
  return {description, engine(), const_cast<std::byte*>(tensor.raw())};
}

void append(dnnl::post_ops& steps, Activation activation) {
  using dnnl::algorithm;
  switch (activation) {
    case Activation::none:
      return;
    case Activation::gelu:
      return steps.append_eltwise(1, algorithm::eltwise_gelu_erf, 0, 0);
    case Activation::gelu_tanh:
      return steps.append_eltwise(1, algorithm::eltwise_gelu_tanh, 0, 0);
    case Activation::quick_gelu:
      return steps.append_eltwise(1, algorithm::eltwise_swish, 1.702f, 0);
    case Activation::silu:
      return steps.append_eltwise(1, algorithm::eltwise_swish, 1, 0);
    case Activation::relu:
      return steps.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
    case Activation::relu6:
      return steps.append_eltwise(1, algorithm::eltwise_clip, 0, 6);
    case Activation::tanh:
      return steps.append_eltwise(1, algorithm::eltwise_tanh, 0, 0);
  }
}

// Without VNNI, pairs of u8 · s8 products are summed in 16 bits: seven bits of weight keep them from saturating.
int weight_limit() {
  return cpu_features().avx512_vnni ? 127 : 63;
}

constexpr std::int64_t kTypicalRows = 256;       // for which the weights' layout is chosen
constexpr std::size_t kMostPreparedShapes = 64;  // a prepared shape is small; texts have many lengths

}  // namespace

OnednnMatmul::OnednnMatmul(const StackedWeights& weights, const MatmulOptions& options)
    : out_(weights.out_features()),
      in_(weights.in_features()),
      precision_(options.precision),
      activation_(options.activation) {
  GAZE_CHECK(precision_ != Precision::automatic);
  if (weights.biased()) bias_ = weights.bias();
  Tensor wide = Tensor::empty({out_, in_}, DType::f32);
  std::int64_t row = 0;
  for (const Tensor& weight : weights.weights) {
    std::ranges::copy(weight.to_f32().values<float>(), wide.data<float>() + row * in_);
    row += weight.size(0);
  }
  if (precision_ == Precision::int8) {
    pack_int8(wide);
  } else {
    pack(wide, precision_ == Precision::bf16 ? Type::bf16 : Type::f32);
  }
}

void OnednnMatmul::run(const Tensor& x, Tensor& y, bool add) const {
  const std::int64_t rows = x.elements() / in_;
  GAZE_CHECK(rows * in_ == x.elements() && rows * out_ == y.elements());
  GAZE_CHECK(!add || (activation_ == Activation::none && y.dtype() == DType::f32));
  if (rows == 0) return;
  Scratch::Frame frame;
  if (precision_ == Precision::f32 && y.dtype() != DType::f32) {  // oneDNN does not narrow the result of f32 inputs
    Tensor wide = frame.tensor(y.shape(), DType::f32);
    run(x, wide, add);
    return convert(wide, y);
  }
  const auto ready = prepared({.rows = rows, .to = y.dtype(), .add = add});
  if (precision_ == Precision::int8) {
    Tensor q = frame.tensor({rows, in_}, DType::u8), scales = frame.tensor({rows}, DType::f32);
    quantize_rows(x, 127, q, scales);
    execute(*ready, q, &scales, y);
  } else if (x.dtype() == input_dtype()) {
    execute(*ready, x, nullptr, y);
  } else {
    Tensor converted = frame.tensor(x.shape(), input_dtype());
    convert(x, converted);
    execute(*ready, converted, nullptr, y);
  }
}

void OnednnMatmul::run_alone(std::int64_t rows, const Tensor& x, Tensor& y) const {
  execute(*prepared({.rows = rows, .to = input_dtype(), .alone = true}), x, nullptr, y);
}

void OnednnMatmul::pack(const Tensor& wide, Type type) {
  weight_type_ = type;
  finish_packing(Memory(matrix(in_, out_, Type::f32, Tag::acb), engine(), const_cast<std::byte*>(wide.raw())));
}

void OnednnMatmul::pack_int8(const Tensor& wide) {
  Tensor q = Tensor::empty(wide.shape(), DType::i8), scales = Tensor::empty({out_}, DType::f32);
  quantize_rows(wide, weight_limit(), q, scales);
  scales_.assign(scales.values<float>().begin(), scales.values<float>().end());
  // The input is stored as q + 128: what 128 times the sum of a column's weights adds is taken off again.
  correction_ = Tensor::empty({out_}, DType::f32);
  for (std::int64_t n = 0; n < out_; ++n) {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < in_; ++k) sum += q.data<std::int8_t>()[n * in_ + k];
    correction_.data<float>()[n] = static_cast<float>(-128 * sum);
  }
  weight_type_ = Type::s8;
  finish_packing(Memory(matrix(in_, out_, Type::s8, Tag::acb), engine(), q.raw()));
}

// Turns weights as the checkpoint has them into the layout that the product wants.
void OnednnMatmul::finish_packing(Memory plain) {
  const auto wanted = describe({.rows = kTypicalRows, .to = input_dtype()}, matrix(in_, out_, weight_type_, Tag::any));
  weights_ = Memory(wanted.weights_desc(), engine());
  omp_set_num_threads(compute_threads());
  dnnl::reorder(plain, weights_).execute(stream(), plain, weights_);
  stream().wait();
}

dnnl::matmul::primitive_desc OnednnMatmul::describe(const Key& key, const Memory::desc& weights) const {
  const bool quantized = precision_ == Precision::int8;
  dnnl::post_ops steps;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto from = matrix(key.rows, in_, quantized ? Type::u8 : weight_type_);
  const auto to = matrix(key.rows, out_, to_dnnl(key.to));
  if (key.alone) return {{from, weights, to}, attributes, engine()};
  if (quantized) {
    attributes.set_output_scales(1 << 2, scales_);
    steps.append_binary(dnnl::algorithm::binary_mul, matrix(key.rows, 1, Type::f32));
    if (bias_.defined()) steps.append_binary(dnnl::algorithm::binary_add, matrix(1, out_, Type::f32));
  }
  append(steps, activation_);
  if (key.add) steps.append_sum(1);
  attributes.set_post_ops(steps);
  if (!quantized && !bias_.defined()) return {{from, weights, to}, attributes, engine()};
  return {{from, weights, matrix(1, out_, Type::f32), to}, attributes, engine()};
}

std::shared_ptr<const OnednnMatmul::Prepared> OnednnMatmul::prepared(Key key) const {
  key.threads = compute_threads();
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = prepared_.find(key); found != prepared_.end()) return found->second;
  }
  omp_set_num_threads(key.threads);  // a primitive is made for as many threads as there are
  const auto description = describe(key, weights_.get_desc());
  auto made = std::make_shared<const Prepared>(Prepared{key, description, dnnl::matmul(description)});
  const std::unique_lock lock(mutex_);
  if (prepared_.size() >= kMostPreparedShapes) prepared_.clear();
  return prepared_.emplace(key, std::move(made)).first->second;
}

void OnednnMatmul::execute(const Prepared& ready, const Tensor& x, const Tensor* row_scales, Tensor& y) const {
  omp_set_num_threads(ready.key.threads);
  Scratch::Frame frame;
  const auto workspace = ready.description.scratchpad_desc();
  const Tensor space = frame.tensor({static_cast<std::int64_t>(workspace.get_size())}, DType::u8);

  std::unordered_map<int, Memory> arguments{{DNNL_ARG_SRC, view(ready.description.src_desc(), x)},
                                            {DNNL_ARG_WEIGHTS, weights_},
                                            {DNNL_ARG_DST, view(ready.description.dst_desc(), y)},
                                            {DNNL_ARG_SCRATCHPAD, view(workspace, space)}};
  const auto per_column = matrix(1, out_, Type::f32);
  if (row_scales) {
    arguments.emplace(DNNL_ARG_BIAS, view(per_column, correction_));
    arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                      view(matrix(ready.key.rows, 1, Type::f32), *row_scales));
    if (bias_.defined()) {
      arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(1) | DNNL_ARG_SRC_1, view(per_column, bias_));
    }
  } else if (bias_.defined() && !ready.key.alone) {
    arguments.emplace(DNNL_ARG_BIAS, view(per_column, bias_));
  }
  ready.primitive.execute(stream(), arguments);
  stream().wait();
}

}  // namespace gaze
