#include "ops/attention.h"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.

#include "base/parallel.h"
#include "ops/attention_task.h"
#include "ops/scratch.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

// c[Rows, Vectors · lanes] = a[Rows, depth] · b[depth, Vectors · lanes], all sums in registers.
template <int Rows, int Vectors>
HWY_INLINE void MultiplyTile(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                             std::size_t depth, float* c, std::size_t c_stride) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> sums[Rows][Vectors];
  for (auto& row : sums) {
    for (auto& sum : row) sum = hn::Zero(d);
  }
  for (std::size_t k = 0; k < depth; ++k) {
    hn::Vec<decltype(d)> columns[Vectors];
    for (int v = 0; v < Vectors; ++v) columns[v] = hn::LoadU(d, b + k * b_stride + v * lanes);
    for (int r = 0; r < Rows; ++r) {
      const auto factor = hn::Set(d, a[r * a_stride + k]);
      for (int v = 0; v < Vectors; ++v) sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) hn::StoreU(sums[r][v], d, c + r * c_stride + v * lanes);
  }
}

template <int Vectors>
void MultiplyColumns(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride, std::size_t rows,
                     std::size_t depth, float* c, std::size_t c_stride) {
  constexpr int kRows = 6;  // sums, columns and a factor fit the registers: 6 · 4 + 4 + 1 of 32, 6 · 2 + 2 + 1 of 16
  std::size_t r = 0;
  for (; r + kRows <= rows; r += kRows) {
    MultiplyTile<kRows, Vectors>(a + r * a_stride, a_stride, b, b_stride, depth, c + r * c_stride, c_stride);
  }
  for (; r + 2 <= rows; r += 2) {
    MultiplyTile<2, Vectors>(a + r * a_stride, a_stride, b, b_stride, depth, c + r * c_stride, c_stride);
  }
  if (r < rows) MultiplyTile<1, Vectors>(a + r * a_stride, a_stride, b, b_stride, depth, c + r * c_stride, c_stride);
}

// c[rows, columns] = a[rows, depth] · b[depth, columns]; columns is a multiple of the vector's lanes.
void Multiply(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride, std::size_t rows,
              std::size_t depth, std::size_t columns, float* c, std::size_t c_stride) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  constexpr int kWide = HWY_MAX_BYTES >= 64 ? 4 : 2;
  std::size_t at = 0;
  for (; at + kWide * lanes <= columns; at += kWide * lanes) {
    MultiplyColumns<kWide>(a, a_stride, b + at, b_stride, rows, depth, c + at, c_stride);
  }
  for (; at < columns; at += lanes) MultiplyColumns<1>(a, a_stride, b + at, b_stride, rows, depth, c + at, c_stride);
}

// e^(x − max) in place over the first `visible`, zero from there to `padded`; returns 1 / Σ.
float ExpRow(float* x, std::size_t visible, std::size_t padded) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  std::fill(x + visible, x + padded, std::numeric_limits<float>::lowest());
  auto largest = hn::LoadU(d, x);
  for (std::size_t i = lanes; i < padded; i += lanes) largest = hn::Max(largest, hn::LoadU(d, x + i));
  largest = hn::MaxOfLanes(d, largest);
  auto sum = hn::Zero(d);
  for (std::size_t i = 0; i < padded; i += lanes) {
    // What is hidden becomes e^−87: nothing beside the largest's 1.
    const auto value = FastExp(d, hn::Sub(hn::LoadU(d, x + i), largest));
    hn::StoreU(value, d, x + i);
    sum = hn::Add(sum, value);
  }
  return 1.0f / hn::GetLane(hn::SumOfLanes(d, sum));
}

// to[rows, padded] ← from[rows, columns] · factor, the rest of each row zero.
template <class In>
void CopyRows(const In* from, std::size_t from_stride, std::size_t rows, std::size_t columns, float factor, float* to,
              std::size_t padded) {
  for (std::size_t r = 0; r < rows; ++r) {
    ForVectors(columns, [&](auto d, std::size_t i) HWY_ATTR {
      hn::StoreU(hn::Mul(LoadFloats(d, from + r * from_stride + i), hn::Set(d, factor)), d, to + r * padded + i);
    });
    std::fill(to + r * padded + columns, to + (r + 1) * padded, 0.0f);
  }
}

// to[columns, to_stride] ← the transpose of from[rows, from_stride]; rows and columns are multiples of four. Blocks of
// four rows and four columns pass through registers.
void Transpose(const float* from, std::size_t from_stride, std::size_t rows, std::size_t columns, float* to,
               std::size_t to_stride) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) to[c * to_stride + r] = from[r * from_stride + c];
  }
#else
  const hn::CappedTag<float, 4> d;
  const hn::Repartition<double, decltype(d)> pairs;
  for (std::size_t c = 0; c < columns; c += 4) {
    for (std::size_t r = 0; r < rows; r += 4) {
      const float* at = from + r * from_stride + c;
      const auto r0 = hn::LoadU(d, at), r1 = hn::LoadU(d, at + from_stride);
      const auto r2 = hn::LoadU(d, at + 2 * from_stride), r3 = hn::LoadU(d, at + 3 * from_stride);
      const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
      const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
      const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
      const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
      float* out = to + c * to_stride + r;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, out);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, out + to_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, out + 2 * to_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, out + 3 * to_stride);
    }
  }
#endif
}

// One tile of queries of one head: packs keys and values as float, then two products with the softmax between.
template <class Q, class K, class Out>
void RunTask(const AttentionTask& task) {
  const std::size_t lanes = std::max<std::size_t>(hn::Lanes(hn::ScalableTag<float>()), 4);  // Transpose takes fours
  const auto padded = [lanes](std::size_t n) { return (n + lanes - 1) / lanes * lanes; };
  const std::size_t size = task.head_size, wide = padded(size), keys = padded(task.keys), queries = task.queries;
  Scratch::Frame frame;
  const auto take = [&frame](std::size_t rows, std::size_t columns) {
    return frame.tensor({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}, DType::f32);
  };
  const std::size_t size4 = (size + 3) / 4 * 4, keys4 = (task.keys + 3) / 4 * 4;
  Tensor query = take(queries, size), rows = take(keys4, size4), key = take(size4, keys), value = take(task.keys, wide);
  Tensor scores = take(queries, keys), sums = take(queries, wide);
  float *s = scores.data<float>(), *o = sums.data<float>();

  CopyRows(static_cast<const Q*>(task.query), task.query_stride, queries, size, task.scale, query.data<float>(), size);
  CopyRows(static_cast<const K*>(task.key), task.key_stride, task.keys, size, 1, rows.data<float>(), size4);
  std::fill_n(rows.data<float>() + task.keys * size4, (keys4 - task.keys) * size4, 0.0f);
  Transpose(rows.data<float>(), size4, keys4, size4, key.data<float>(), keys);
  for (std::size_t i = 0; i < size && keys4 < keys; ++i) {
    std::fill_n(key.data<float>() + i * keys + keys4, keys - keys4, 0.0f);
  }
  CopyRows(static_cast<const K*>(task.value), task.value_stride, task.keys, size, 1, value.data<float>(), wide);

  Multiply(query.data<float>(), size, key.data<float>(), keys, queries, size, keys, s, keys);
  float inverse[kQueriesPerTask];
  for (std::size_t q = 0; q < queries; ++q) {
    inverse[q] = ExpRow(s + q * keys, std::min(task.keys, task.first_visible + q * task.visible_step), keys);
  }
  Multiply(s, keys, value.data<float>(), wide, queries, task.keys, wide, o, wide);
  for (std::size_t q = 0; q < queries; ++q) {
    Out* row = static_cast<Out*>(task.out) + q * task.out_stride;
    ForVectors(size, [&](auto d, std::size_t i) HWY_ATTR {
      StoreFloats(hn::Mul(hn::LoadU(d, o + q * wide + i), hn::Set(d, inverse[q])), d, row + i);
    });
  }
}

void AttentionTile(const AttentionTask& task) {
  const bool q = task.query_type == DType::f32, k = task.key_type == DType::f32, o = task.out_type == DType::f32;
  const auto with_out = [&]<class Q, class K>() { o ? RunTask<Q, K, float>(task) : RunTask<Q, K, Bf16>(task); };
  if (q && k) return with_out.template operator()<float, float>();
  if (q) return with_out.template operator()<float, Bf16>();
  if (k) return with_out.template operator()<Bf16, float>();
  with_out.template operator()<Bf16, Bf16>();
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(AttentionTile);

namespace {

// Where row `position` of row `batch` of the batch begins, at `head`.
const void* address(const HeadColumns& columns, std::int64_t batch, std::int64_t position, std::int64_t head_offset) {
  const Tensor& t = columns.tensor;
  const std::int64_t element = (batch * t.size(1) + position) * t.size(2) + columns.offset + head_offset;
  return t.raw() + static_cast<std::size_t>(element) * size_of(t.dtype());
}

void check(const HeadColumns& columns, std::int64_t batch, std::int64_t positions, std::int64_t width) {
  const Tensor& t = columns.tensor;
  GAZE_CHECK(t.shape().rank() == 3 && t.size(0) == batch && t.size(1) >= positions);
  GAZE_CHECK(columns.offset >= 0 && columns.offset + width <= t.size(2));
}

}  // namespace

void attention(const AttentionShape& shape, const HeadColumns& query, const HeadColumns& key, const HeadColumns& value,
               std::int64_t keys, std::span<const std::int32_t> key_lengths, Tensor& out) {
  const std::int64_t batch = query.tensor.size(0), queries = query.tensor.size(1), size = shape.head_size;
  GAZE_CHECK(shape.key_heads > 0 && shape.heads % shape.key_heads == 0 && keys > 0);
  GAZE_CHECK(!shape.causal || queries <= keys);
  GAZE_CHECK(out.size(0) == batch && out.size(1) == queries && out.size(2) == shape.heads * size);
  GAZE_CHECK(key_lengths.empty() || static_cast<std::int64_t>(key_lengths.size()) == batch);
  check(query, batch, queries, shape.heads * size);
  check(key, batch, keys, shape.key_heads * size);
  check(value, batch, keys, shape.key_heads * size);

  const std::int64_t tiles = (queries + kQueriesPerTask - 1) / kQueriesPerTask, group = shape.heads / shape.key_heads;
  parallel_for(batch * shape.heads * tiles, [&](std::int64_t index) {
    const std::int64_t tile = index % tiles, head = index / tiles % shape.heads, row = index / tiles / shape.heads;
    const std::int64_t first = tile * kQueriesPerTask, count = std::min<std::int64_t>(queries - first, kQueriesPerTask);
    const std::int64_t filled = key_lengths.empty() ? keys : key_lengths[static_cast<std::size_t>(row)];
    GAZE_CHECK(0 < filled && filled <= keys);
    // The tile's first query sees this many keys, each next one `step` more; keys that none sees are not packed.
    const std::int64_t visible = shape.causal ? keys - queries + first + 1 : filled, step = shape.causal ? 1 : 0;
    const std::int64_t seen = std::min(filled, visible + step * (count - 1));
    const auto u = [](std::int64_t n) { return static_cast<std::size_t>(n); };
    AttentionTask task{.query = address(query, row, first, head * size),
                       .key = address(key, row, 0, head / group * size),
                       .value = address(value, row, 0, head / group * size),
                       .out = const_cast<void*>(address({out}, row, first, head * size)),
                       .query_type = query.tensor.dtype(),
                       .key_type = key.tensor.dtype(),
                       .out_type = out.dtype(),
                       .query_stride = u(query.tensor.size(2)),
                       .key_stride = u(key.tensor.size(2)),
                       .value_stride = u(value.tensor.size(2)),
                       .out_stride = u(out.size(2)),
                       .queries = u(count),
                       .keys = u(seen),
                       .head_size = u(size),
                       .first_visible = u(visible),
                       .visible_step = u(step),
                       .scale = shape.scale};
    HWY_DYNAMIC_DISPATCH(AttentionTile)(task);
  });
}

}  // namespace gaze
#endif
