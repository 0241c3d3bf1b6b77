#include "ops/matmul.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <variant>

#include "ops/gemm.h"
#include "ops/isa.h"
#include "ops/onednn_matmul.h"

namespace gaze {
namespace {

thread_local MatmulTrace* trace = nullptr;

using Engine = std::variant<PackedGemm, OnednnMatmul>;

// Our own product wherever it has the instructions that the CPU is fastest with.
Engine make_engine(const StackedWeights& weights, const MatmulOptions& options) {
  const CpuFeatures& cpu = cpu_features();
  const auto own = [&](GemmKind kind) {
    return Engine(std::in_place_type<PackedGemm>, weights, kind, options.activation);
  };
  if (options.precision == Precision::f32) return own(GemmKind::f32);
  if (!cpu.amx) {
    if (options.precision == Precision::int8 && is_available(GemmKind::int8)) return own(GemmKind::int8);
    if (options.precision == Precision::bf16) {
      return own(cpu.fast_bf16_pairs && is_available(GemmKind::bf16_pairs) ? GemmKind::bf16_pairs : GemmKind::bf16);
    }
  }
  return Engine(std::in_place_type<OnednnMatmul>, weights, options);
}

}  // namespace

struct MatmulTrace::Product {
  const void* weights;
  std::int64_t rows, in, out;
  Precision precision;

  auto key() const { return std::tuple(weights, in, out, precision); }
};

struct MatmulTrace::Limit {
  std::map<decltype(std::declval<Product>().key()), OnednnMatmul> matmuls;
  Tensor input, output;  // bytes, as many as the largest product needs
};

class PackedMatmul::Implementation {
 public:
  Implementation(const StackedWeights& weights, const MatmulOptions& options)
      : precision_(resolve(options.precision)), engine_(make_engine(weights, {precision_, options.activation})) {}

  Precision precision() const { return precision_; }

  template <class Read>
  auto with_engine(const Read& read) const {
    return std::visit(read, engine_);
  }

  void run(const Tensor& x, Tensor& y, bool add) const {
    with_engine([&](const auto& engine) {
      MatmulTrace::note(this, x.elements() / engine.in_features(), engine.in_features(), engine.out_features(),
                        precision_);
      engine.run(x, y, add);
    });
  }

 private:
  Precision precision_;
  Engine engine_;
};

std::int64_t StackedWeights::out_features() const {
  std::int64_t rows = 0;
  for (const Tensor& weight : weights) rows += weight.size(0);
  return rows;
}

bool StackedWeights::biased() const {
  return std::ranges::any_of(biases, [](const Tensor& bias) { return bias.defined(); });
}

Tensor StackedWeights::bias() const {
  Tensor all = Tensor::zeros({out_features()}, DType::f32);
  std::int64_t row = 0;
  for (std::size_t i = 0; i < weights.size(); row += weights[i++].size(0)) {
    if (!biases[i].defined()) continue;
    GAZE_CHECK(biases[i].elements() == weights[i].size(0));
    std::ranges::copy(biases[i].to_f32().values<float>(), all.data<float>() + row);
  }
  return all;
}

PackedMatmul::PackedMatmul(const StackedWeights& weights, const MatmulOptions& options)
    : implementation_(std::make_unique<Implementation>(weights, options)) {}
PackedMatmul::~PackedMatmul() = default;
PackedMatmul::PackedMatmul(PackedMatmul&&) noexcept = default;
PackedMatmul& PackedMatmul::operator=(PackedMatmul&&) noexcept = default;

std::int64_t PackedMatmul::in_features() const {
  return implementation_->with_engine([](const auto& engine) { return engine.in_features(); });
}
std::int64_t PackedMatmul::out_features() const {
  return implementation_->with_engine([](const auto& engine) { return engine.out_features(); });
}
Precision PackedMatmul::precision() const {
  return implementation_->precision();
}
DType PackedMatmul::input_dtype() const {
  return implementation_->with_engine([](const auto& engine) { return engine.input_dtype(); });
}
void PackedMatmul::run(const Tensor& x, Tensor& y) const {
  implementation_->run(x, y, false);
}
void PackedMatmul::run_add(const Tensor& x, Tensor& y) const {
  implementation_->run(x, y, true);
}

MatmulTrace::MatmulTrace() {
  GAZE_CHECK(!trace);
  trace = this;
}

void MatmulTrace::note(const void* weights, std::int64_t rows, std::int64_t in, std::int64_t out, Precision precision) {
  if (trace) trace->products_.push_back({weights, rows, in, out, precision});
}

MatmulTrace::~MatmulTrace() {
  if (trace == this) trace = nullptr;
}

void MatmulTrace::run_alone() {
  trace = nullptr;  // what runs from now on is not noted
  if (!limit_) {
    limit_ = std::make_unique<Limit>();
    std::int64_t in = 0, out = 0;
    for (const Product& product : products_) {
      in = std::max(in, product.rows * product.in);
      out = std::max(out, product.rows * product.out);
      if (limit_->matmuls.contains(product.key())) continue;
      // oneDNN has bf16 products from AVX-512 on: without it the limit is that of float32, in which they are summed.
      const bool widened = product.precision == Precision::bf16 && !cpu_features().avx512;
      const Precision precision = widened ? Precision::f32 : product.precision;
      Tensor weight = Tensor::empty({product.out, product.in}, DType::f32);
      std::ranges::fill(weight.values<float>(), 0.01f);
      limit_->matmuls.emplace(std::piecewise_construct, std::forward_as_tuple(product.key()),
                              std::forward_as_tuple(StackedWeights(weight, {}), MatmulOptions{precision}));
    }
    limit_->input = Tensor::empty({4 * in}, DType::u8);
    limit_->output = Tensor::empty({4 * out}, DType::u8);
    std::ranges::fill(limit_->input.values<std::uint8_t>(), 0x3C);  // 60 as a byte, 0.01 as a float
  }
  for (const Product& product : products_) {
    limit_->matmuls.at(product.key()).run_alone(product.rows, limit_->input, limit_->output);
  }
}

}  // namespace gaze
