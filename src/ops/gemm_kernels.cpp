#define HWY_WANT_AVX3_DL  // Ice Lake, Zen 4 and later: the int8 and bf16 products
#include "ops/gemm_kernels.h"

#include <algorithm>

#include <hwy/cache_control.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gemm_kernels.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include "ops/activation-inl.h"
#include "ops/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

using Floats = hn::CappedTag<float, 16>;
using Ints = hn::RebindToSigned<Floats>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(Floats()));
// Sums fill the registers but for the weights' and one for the input: 12 · 2 + 2 + 1 of 32, 6 · 2 + 2 + 1 of 16.
constexpr int kVectors = 2;
constexpr int kRows = kLanes == 16 ? 12 : 6;
constexpr std::int64_t kColumns = kVectors * kLanes;  // of a tile; kPanelColumns is a multiple

struct F32Step {
  using Sum = hn::Vec<Floats>;
  static constexpr std::int64_t kBytes = 4;
  static HWY_INLINE Sum Begin(const GemmCall& call, std::int64_t column) {
    return hn::LoadU(Floats(), call.bias + column);
  }
  static HWY_INLINE Sum Load(const std::byte* from) {
    return hn::LoadU(Floats(), reinterpret_cast<const float*>(from));
  }
  static HWY_INLINE Sum Input(const std::int32_t* word) { return hn::BitCast(Floats(), hn::Set(Ints(), *word)); }
  static HWY_INLINE Sum Add(Sum sum, Sum input, Sum weights) { return hn::MulAdd(input, weights, sum); }
  static HWY_INLINE void Store(Sum sum, float* to) { hn::StoreU(sum, Floats(), to); }
};

struct Bf16Step : F32Step {
  static constexpr std::int64_t kBytes = 2;
  static HWY_INLINE Sum Load(const std::byte* from) {
    return LoadFloats(Floats(), reinterpret_cast<const Bf16*>(from));
  }
};

#if HWY_TARGET == HWY_AVX3_DL
// Highway 1.0 has neither step, nor do its compiler options for this target name them: hence the instructions by name.
// is_available() has asked the CPU.
struct Int8Step {
  using Sum = hn::Vec<Ints>;
  static constexpr std::int64_t kBytes = 4;
  static HWY_INLINE Sum Begin(const GemmCall& call, std::int64_t column) {
    return hn::LoadU(Ints(), call.correction + column);
  }
  static HWY_INLINE Sum Load(const std::byte* from) {
    return hn::LoadU(Ints(), reinterpret_cast<const std::int32_t*>(from));
  }
  static HWY_INLINE Sum Input(const std::int32_t* word) { return hn::Set(Ints(), *word); }
  static HWY_INLINE Sum Add(Sum sum, Sum input, Sum weights) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(input.raw), "v"(weights.raw));
    return sum;
  }
  static HWY_INLINE void Store(Sum sum, float* to) { hn::StoreU(sum, Ints(), reinterpret_cast<std::int32_t*>(to)); }
};

struct PairStep : F32Step {
  static HWY_INLINE Sum Add(Sum sum, Sum input, Sum weights) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(input.raw), "v"(weights.raw));
    return sum;
  }
};
#endif

// A block of rows times a tile's columns of a panel.
struct TileCall {
  const std::int32_t* input;
  const std::byte* weights;  // the panel's, from the tile's first column on
  std::int64_t column;       // of the product
  float* sums;               // [rows, kColumns]
};

template <class Step, int Rows>
void Tile(const GemmCall& call, const TileCall& tile) {
  typename Step::Sum sum[Rows][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const auto begin = Step::Begin(call, tile.column + v * kLanes);
    for (int r = 0; r < Rows; ++r) sum[r][v] = begin;
  }
  const std::int32_t* input = tile.input;
  const std::byte* weights = tile.weights;
  const std::int64_t stride = call.block_stride;
  for (std::int64_t k = call.words; k > 0; --k, input += stride, weights += kPanelColumns * Step::kBytes) {
    typename Step::Sum column[kVectors];
    for (int v = 0; v < kVectors; ++v) column[v] = Step::Load(weights + v * kLanes * Step::kBytes);
    // The CPU fetches ahead by itself, but no further than the end of a page of 4 KiB.
    for (std::int64_t at = 0; at < kColumns * Step::kBytes; at += 64) hwy::Prefetch(weights + 4096 + at);
    for (int r = 0; r < Rows; ++r) {
      const auto value = Step::Input(input + r);
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Step::Add(sum[r][v], value, column[v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < kVectors; ++v) Step::Store(sum[r][v], tile.sums + r * kColumns + v * kLanes);
  }
}

template <class Step, int Rows = kRows>
void TileOf(std::int64_t rows, const GemmCall& call, const TileCall& tile) {
  if (rows == Rows) return Tile<Step, Rows>(call, tile);
  if constexpr (Rows > 1) TileOf<Step, Rows - 1>(rows, call, tile);
}

// int32 sums to what they stand for, with the bias, in place.
HWY_INLINE void Unquantize(const GemmCall& call, std::int64_t row, std::int64_t rows, std::int64_t column,
                           float* sums) {
  for (std::int64_t c = 0; c < kColumns; c += kLanes) {
    const auto weight_scale = hn::LoadU(Floats(), call.weight_scales + column + c);
    const auto bias = hn::LoadU(Floats(), call.bias + column + c);
    for (std::int64_t r = 0; r < rows; ++r) {
      float* at = sums + r * kColumns + c;
      const auto whole = hn::ConvertTo(Floats(), hn::LoadU(Ints(), reinterpret_cast<const std::int32_t*>(at)));
      const auto scale = hn::Mul(weight_scale, hn::Set(Floats(), call.row_scales[row + r]));
      hn::StoreU(hn::MulAdd(whole, scale, bias), Floats(), at);
    }
  }
}

// Columns [column, column + kColumns) of y's rows, as far as they go; `add`: to what is there.
template <class Out>
HWY_INLINE void StoreRows(const GemmCall& call, const float* sums, std::int64_t row, std::int64_t rows,
                          std::int64_t column, Out* y) {
  const std::int64_t count = std::min(kColumns, call.out - column);
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* from = sums + r * kColumns;
    Out* to = y + (row + r) * call.out + column;
    std::int64_t c = 0;
    for (; c + kLanes <= count; c += kLanes) {
      auto value = hn::LoadU(Floats(), from + c);
      if (call.add) value = hn::Add(value, LoadFloats(Floats(), to + c));
      StoreFloats(value, Floats(), to + c);
    }
    const hn::CappedTag<float, 1> single;
    for (; c < count; ++c) {
      auto value = hn::LoadU(single, from + c);
      if (call.add) value = hn::Add(value, LoadFloats(single, to + c));
      StoreFloats(value, single, to + c);
    }
  }
}

// What follows the product, on a tile of sums that lies in the nearest cache.
void Finish(const GemmCall& call, std::int64_t row, std::int64_t rows, std::int64_t column, float* sums) {
  if (call.kind == GemmKind::int8) Unquantize(call, row, rows, column, sums);
  ActivateAll(call.activation, sums, static_cast<std::size_t>(rows * kColumns));
  if (call.y.dtype() == DType::f32) {
    StoreRows(call, sums, row, rows, column, const_cast<float*>(call.y.data<float>()));
  } else {
    StoreRows(call, sums, row, rows, column, const_cast<Bf16*>(call.y.data<Bf16>()));
  }
}

template <class Step>
void MultiplyPanel(const GemmCall& call, std::int64_t panel, const std::byte* weights, std::int64_t first_block,
                   std::int64_t last_block) {
  alignas(64) float sums[kRows * kColumns];
  for (std::int64_t part = 0; part < kPanelColumns; part += kColumns) {
    const std::int64_t column = panel * kPanelColumns + part;
    if (column >= call.out) return;
    for (std::int64_t block = first_block; block < last_block; ++block) {
      const std::int64_t row = call.first_row(block), rows = call.first_row(block + 1) - row;
      TileOf<Step>(rows, call,
                   {.input = call.input + block * call.words * call.block_stride,
                    .weights = weights + part * Step::kBytes,
                    .column = column,
                    .sums = sums});
      Finish(call, row, rows, column, sums);
    }
  }
}

void MultiplyPanels(const GemmCall& call, std::int64_t first_panel, std::int64_t last_panel, std::int64_t first_block,
                    std::int64_t last_block) {
  Scratch::Frame frame;
  Tensor wide;
  // Widening costs more than reading: with several blocks it is done once for all.
  const bool widen = call.kind == GemmKind::bf16 && last_block - first_block > 2;
  if (widen) wide = frame.tensor({call.words * kPanelColumns}, DType::f32);
  for (std::int64_t panel = first_panel; panel < last_panel; ++panel) {
    const std::byte* weights = call.panels + panel * call.panel_bytes();
    switch (call.kind) {
      case GemmKind::f32:
        MultiplyPanel<F32Step>(call, panel, weights, first_block, last_block);
        break;
      case GemmKind::bf16:
        if (widen) {
          const auto* from = reinterpret_cast<const Bf16*>(weights);
          ForVectors(static_cast<std::size_t>(wide.elements()), [&](auto d, std::size_t i) HWY_ATTR {
            hn::StoreU(LoadFloats(d, from + i), d, wide.data<float>() + i);
          });
          MultiplyPanel<F32Step>(call, panel, wide.raw(), first_block, last_block);
        } else {
          MultiplyPanel<Bf16Step>(call, panel, weights, first_block, last_block);
        }
        break;
#if HWY_TARGET == HWY_AVX3_DL
      case GemmKind::bf16_pairs:
        MultiplyPanel<PairStep>(call, panel, weights, first_block, last_block);
        break;
      case GemmKind::int8:
        MultiplyPanel<Int8Step>(call, panel, weights, first_block, last_block);
        break;
#else
      default:
        GAZE_CHECK(false);  // is_available() says no
#endif
    }
  }
}

// Rows of words to columns: a cache line of each row at a time, four by four words through registers.
void PackWords(std::span<const std::int32_t* const> rows, std::int64_t words, std::int64_t stride, std::int32_t* to) {
  const std::size_t fours = HWY_TARGET == HWY_SCALAR ? 0 : rows.size() / 4 * 4;
  const std::int64_t whole = HWY_TARGET == HWY_SCALAR ? 0 : words / 4 * 4;
#if HWY_TARGET != HWY_SCALAR
  constexpr std::int64_t kLineWords = 16;
  const hn::CappedTag<float, 4> d;
  const hn::Repartition<double, decltype(d)> pairs;
  for (std::int64_t line = 0; line < whole; line += kLineWords) {
    const std::int64_t end = std::min(whole, line + kLineWords);
    for (std::size_t r = 0; r < fours; r += 4) {
      const auto load = [&](std::size_t i, std::int64_t k)
                            HWY_ATTR { return hn::LoadU(d, reinterpret_cast<const float*>(rows[r + i]) + k); };
      for (std::int64_t k = line; k < end; k += 4) {
        const auto r0 = load(0, k), r1 = load(1, k), r2 = load(2, k), r3 = load(3, k);
        const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
        const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
        const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
        const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
        float* out = reinterpret_cast<float*>(to + k * stride) + r;
        hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, out);
        hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, out + stride);
        hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, out + 2 * stride);
        hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, out + 3 * stride);
      }
    }
  }
#endif
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::int64_t k = r < fours ? whole : 0; k < words; ++k)
      to[k * stride + static_cast<std::int64_t>(r)] = rows[r][k];
  }
}

std::int64_t BlockRows() {
  return kRows;
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(BlockRows);
HWY_EXPORT(PackWords);
HWY_EXPORT(MultiplyPanels);

std::int64_t gemm_block_rows() {
  return HWY_DYNAMIC_DISPATCH(BlockRows)();
}
void pack_words(std::span<const std::int32_t* const> rows, std::int64_t words, std::int64_t stride, std::int32_t* to) {
  HWY_DYNAMIC_DISPATCH(PackWords)(rows, words, stride, to);
}
void multiply_panels(const GemmCall& call, std::int64_t first_panel, std::int64_t last_panel, std::int64_t first_block,
                     std::int64_t last_block) {
  HWY_DYNAMIC_DISPATCH(MultiplyPanels)(call, first_panel, last_panel, first_block, last_block);
}

}  // namespace gaze
#endif
