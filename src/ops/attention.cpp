#include "ops/attention.h"

#include <algorithm>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.

#include "base/parallel.h"
#include "ops/attention_task.h"
#include "ops/cached_numbers-inl.h"
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

// Multiplies the last rows, `Rows` at most.
template <int Rows, int Vectors>
HWY_INLINE void MultiplyLast(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride,
                             std::size_t rows, std::size_t depth, float* c, std::size_t c_stride) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return MultiplyTile<Rows, Vectors>(a, a_stride, b, b_stride, depth, c, c_stride);
    MultiplyLast<Rows - 1, Vectors>(a, a_stride, b, b_stride, rows, depth, c, c_stride);
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
  MultiplyLast<kRows - 1, Vectors>(a + r * a_stride, a_stride, b, b_stride, rows - r, depth, c + r * c_stride,
                                   c_stride);
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
    UnpackHead(from + r * from_stride, columns, factor, to + r * padded);
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

// Keys transposed, and values, both as floats with zeros up to whole vectors.
template <class T>
void Pack(const PackTask& task) {
  const std::size_t size = task.head_size, rows = packed_key_rows(size);
  Scratch::Frame frame;
  Tensor block = frame.tensor({kPackedLanes, static_cast<std::int64_t>(rows)}, DType::f32);
  float* some = block.data<float>();
  for (std::size_t first = 0; first < task.keys; first += kPackedLanes) {
    const std::size_t count = std::min(task.keys - first, kPackedLanes);
    CopyRows(static_cast<const T*>(task.key) + first * task.key_stride, task.key_stride, count, size, 1, some, rows);
    std::fill(some + count * rows, some + kPackedLanes * rows, 0.0f);
    Transpose(some, rows, kPackedLanes, rows, task.packed_keys + first, padded(task.keys));
  }
  CopyRows(static_cast<const T*>(task.value), task.value_stride, task.keys, size, 1, task.packed_values, padded(size));
}

void PackHead(const PackTask& task) {
  if (task.type == DType::i8) return Pack<std::int8_t>(task);
  task.type == DType::f32 ? Pack<float>(task) : Pack<Bf16>(task);
}

// Two products with the softmax between.
template <class Q, class Out>
void Attend(const AttentionTask& task) {
  const std::size_t size = task.head_size, wide = padded(size), keys = padded(task.keys), queries = task.queries;
  Scratch::Frame frame;
  const auto take = [&frame](std::size_t rows, std::size_t columns) {
    return frame.tensor({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}, DType::f32);
  };
  Tensor query = take(queries, size), scores = take(queries, keys), sums = take(queries, wide);
  float *s = scores.data<float>(), *o = sums.data<float>();

  CopyRows(static_cast<const Q*>(task.query), task.query_stride, queries, size, task.scale, query.data<float>(), size);
  Multiply(query.data<float>(), size, task.packed_keys, task.key_stride, queries, size, keys, s, keys);
  float inverse[kQueriesPerTask];
  for (std::size_t q = 0; q < queries; ++q) {
    inverse[q] = ExpRow(s + q * keys, std::min(task.keys, task.first_visible + q * task.visible_step), keys);
  }
  Multiply(s, keys, task.packed_values, wide, queries, task.keys, wide, o, wide);
  for (std::size_t q = 0; q < queries; ++q) {
    Out* row = static_cast<Out*>(task.out) + q * task.out_stride;
    ForVectors(size, [&](auto d, std::size_t i) HWY_ATTR {
      StoreFloats(hn::Mul(hn::LoadU(d, o + q * wide + i), hn::Set(d, inverse[q])), d, row + i);
    });
  }
}

void AttentionTile(const AttentionTask& task) {
  const bool q = task.query_type == DType::f32, o = task.out_type == DType::f32;
  if (q) return o ? Attend<float, float>(task) : Attend<float, Bf16>(task);
  o ? Attend<Bf16, float>(task) : Attend<Bf16, Bf16>(task);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(PackHead);
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

std::size_t unsigned_of(std::int64_t n) {
  return static_cast<std::size_t>(n);
}

// Packs the first `keys` of one head. key and value: what address() takes, at the head's columns.
void pack_head(const HeadColumns& key, const HeadColumns& value, std::int64_t row, std::int64_t head,
               std::int64_t head_size, std::int64_t keys, float* packed_keys, float* packed_values) {
  const std::int64_t stored = cached_size(key.tensor.dtype(), head_size);
  HWY_DYNAMIC_DISPATCH(PackHead)
  ({.key = address(key, row, 0, head * stored),
    .value = address(value, row, 0, head * stored),
    .type = key.tensor.dtype(),
    .key_stride = unsigned_of(key.tensor.size(2)),
    .value_stride = unsigned_of(value.tensor.size(2)),
    .keys = unsigned_of(keys),
    .head_size = unsigned_of(head_size),
    .packed_keys = packed_keys,
    .packed_values = packed_values});
}

// One head of one row, its keys and values packed.
struct Head {
  const AttentionShape& shape;
  const HeadColumns& query;
  Tensor& out;
  std::int64_t row, head;
  const float *packed_keys, *packed_values;
  std::int64_t packed;  // keys that are

  // Its queries [first, last), of which the first sees `visible` keys, each next one `step` more, up to `keys`.
  void attend(std::int64_t first, std::int64_t last, std::int64_t visible, std::int64_t step, std::int64_t keys) const {
    const std::int64_t offset = head * shape.head_size;
    HWY_DYNAMIC_DISPATCH(AttentionTile)
    ({.query = address(query, row, first, offset),
      .out = const_cast<void*>(address({out}, row, first, offset)),
      .query_type = query.tensor.dtype(),
      .out_type = out.dtype(),
      .query_stride = unsigned_of(query.tensor.size(2)),
      .out_stride = unsigned_of(out.size(2)),
      .packed_keys = packed_keys,
      .packed_values = packed_values,
      .key_stride = padded(unsigned_of(packed)),
      .queries = unsigned_of(last - first),
      .keys = unsigned_of(keys),
      .head_size = unsigned_of(shape.head_size),
      .first_visible = unsigned_of(visible),
      .visible_step = unsigned_of(step),
      .scale = shape.scale});
  }
};

std::int64_t tiles_of(std::int64_t queries) {
  return (queries + kQueriesPerTask - 1) / kQueriesPerTask;
}

Shape packed_keys_shape(std::int64_t keys, std::int64_t head_size) {
  return {static_cast<std::int64_t>(packed_key_rows(unsigned_of(head_size))),
          static_cast<std::int64_t>(padded(unsigned_of(keys)))};
}

Shape packed_values_shape(std::int64_t keys, std::int64_t head_size) {
  return {keys, static_cast<std::int64_t>(padded(unsigned_of(head_size)))};
}

void check_out(const AttentionShape& shape, const HeadColumns& query, const Tensor& out) {
  GAZE_CHECK(shape.key_heads > 0 && shape.heads % shape.key_heads == 0);
  GAZE_CHECK(out.size(0) == query.tensor.size(0) && out.size(1) == query.tensor.size(1));
  GAZE_CHECK(out.size(2) == shape.heads * shape.head_size);
  check(query, query.tensor.size(0), query.tensor.size(1), shape.heads * shape.head_size);
}

}  // namespace

void attention(const AttentionShape& shape, const HeadColumns& query, const HeadColumns& key, const HeadColumns& value,
               std::int64_t keys, std::span<const std::int32_t> key_lengths, Tensor& out) {
  const std::int64_t batch = query.tensor.size(0), queries = query.tensor.size(1), size = shape.head_size;
  check_out(shape, query, out);
  GAZE_CHECK(keys > 0 && (!shape.causal || queries <= keys));
  GAZE_CHECK(key_lengths.empty() || static_cast<std::int64_t>(key_lengths.size()) == batch);
  check(key, batch, keys, shape.key_heads * cached_size(key.tensor.dtype(), size));
  check(value, batch, keys, shape.key_heads * cached_size(value.tensor.dtype(), size));

  // Tasks enough for all threads; a task packs a head's keys once for all its tiles.
  const std::int64_t tiles = tiles_of(queries), heads = batch * shape.heads;
  const std::int64_t parts = std::clamp<std::int64_t>(4 * compute_threads() / heads, 1, tiles);
  parallel_for(heads * parts, [&](std::int64_t index) {
    const std::int64_t part = index % parts, head = index / parts % shape.heads, row = index / parts / shape.heads;
    const std::int64_t begin = tiles * part / parts * kQueriesPerTask;
    const std::int64_t end = std::min(tiles * (part + 1) / parts * kQueriesPerTask, queries);
    const std::int64_t filled = key_lengths.empty() ? keys : key_lengths[unsigned_of(row)];
    GAZE_CHECK(0 < filled && filled <= keys);
    // Each query sees `step` keys more than the one before it; keys that none sees are not packed.
    const std::int64_t step = shape.causal ? 1 : 0;
    const auto visible = [&](std::int64_t q) { return shape.causal ? keys - queries + q + 1 : filled; };
    const std::int64_t packed = std::min(filled, visible(end - 1));
    Scratch::Frame frame;
    Tensor packed_keys = frame.tensor(packed_keys_shape(packed, size), DType::f32);
    Tensor packed_values = frame.tensor(packed_values_shape(packed, size), DType::f32);
    pack_head(key, value, row, head / (shape.heads / shape.key_heads), size, packed, packed_keys.data<float>(),
              packed_values.data<float>());
    const Head one{shape, query, out, row, head, packed_keys.data<float>(), packed_values.data<float>(), packed};
    for (std::int64_t first = begin; first < end; first += kQueriesPerTask) {
      const std::int64_t last = std::min<std::int64_t>(first + kQueriesPerTask, end);
      one.attend(first, last, visible(first), step, std::min(filled, visible(last - 1)));
    }
  });
}

AttentionMemory::AttentionMemory(const AttentionShape& shape, const HeadColumns& key, const HeadColumns& value)
    : shape_(shape), positions_(key.tensor.size(1)) {
  const std::int64_t batch = key.tensor.size(0), heads = shape.heads, size = shape.head_size;
  GAZE_CHECK(shape.key_heads == heads && !shape.causal && positions_ > 0);
  check(key, batch, positions_, heads * size);
  check(value, batch, positions_, heads * size);
  const Shape keys = packed_keys_shape(positions_, size), values = packed_values_shape(positions_, size);
  packed_keys_ = Tensor::empty({batch * heads, keys[0], keys[1]}, DType::f32);
  packed_values_ = Tensor::empty({batch * heads, values[0], values[1]}, DType::f32);
  parallel_for(batch * heads, [&](std::int64_t i) {
    pack_head(key, value, i / heads, i % heads, size, positions_, packed_keys_.rows(i, i + 1).data<float>(),
              packed_values_.rows(i, i + 1).data<float>());
  });
}

void AttentionMemory::attend(const Tensor& query, std::span<const int> memory_of_row, Tensor& out) const {
  const auto rows = static_cast<std::int64_t>(memory_of_row.size()), length = query.size(0) / rows;
  GAZE_CHECK(query.size(0) == rows * length);
  const Tensor asked = query.reshaped({1, query.size(0), query.size(1)});
  Tensor seen = out.reshaped(asked.shape());
  check_out(shape_, {asked}, seen);

  struct Tile {
    std::int64_t memory, first, last;
  };
  std::vector<Tile> tiles;
  for (std::int64_t begin = 0, end = 0; begin < rows; begin = end) {
    const int memory = memory_of_row[unsigned_of(begin)];
    while (end < rows && memory_of_row[unsigned_of(end)] == memory) ++end;
    for (std::int64_t first = begin * length; first < end * length; first += kQueriesPerTask) {
      tiles.push_back({memory, first, std::min<std::int64_t>(first + kQueriesPerTask, end * length)});
    }
  }
  parallel_for(static_cast<std::int64_t>(tiles.size()) * shape_.heads, [&](std::int64_t index) {
    const Tile& tile = tiles[unsigned_of(index / shape_.heads)];
    const std::int64_t head = index % shape_.heads, packed = tile.memory * shape_.heads + head;
    const Head one{shape_,
                   {asked},
                   seen,
                   0,
                   head,
                   packed_keys_.rows(packed, packed + 1).data<float>(),
                   packed_values_.rows(packed, packed + 1).data<float>(),
                   positions_};
    one.attend(tile.first, tile.last, positions_, 0, positions_);
  });
}

}  // namespace gaze
#endif
