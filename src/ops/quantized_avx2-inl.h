// Products with quantised weights in 256-bit vectors, without include guard: each file that includes it defines before
// what quantized_row_avx2-inl.h asks for, and in the same namespace a Dot, for several rows of activations.
//
// Dot::run<Form, R, V>(groups, at, values, stride, starts, starts_stride, dots): for R rows of activations and V groups
// of weights, the products of the Form::kPart elements from `at` on, from `starts` on. Dot::kSplit: whether it takes
// values of eight bits as two planes of four.

#include "ops/quantized_row_avx2-inl.h"

namespace gaze {
namespace {

// How a type's values are multiplied: bits of each, elements that share a scale, whether there are minima.
template <int Bits, int Part, bool Minimum>
struct Form {
  static constexpr int kBits = Bits, kPart = Part;
  static constexpr bool kMinimum = Minimum;
};

struct Stretch {
  const QuantizedTask* task;
  const QuantizedGroup* groups;
  std::int64_t first, elements;  // of each row
};

// R rows of activations from `row` on with V groups of weights from `group` on. The first stretch begins the sums in
// task.out, the others add to them.
template <class F, int R, int V>
GAZE_TARGET void multiply_few(const Stretch& stretch, std::int64_t row, std::int64_t group) {
  const QuantizedTask& task = *stretch.task;
  const QuantizedRows& x = *task.x;
  const std::int64_t first_part = stretch.first / F::kPart, first_block = stretch.first / 32;
  const std::int8_t* values = x.values + row * x.stride + stretch.first;
  const float* x_scales = x.scales + row * x.padded + first_block;
  const float* weighted = x.weighted + row * x.padded + first_block;
  const std::int32_t* starts = task.starts + row * task.starts_stride + first_part;
  const QuantizedGroup* groups = stretch.groups + group;
  float* const out = task.out + row * task.out_stride + group * kGroupRows;

  __m256 sums[R][V];
  for (int m = 0; m < R; ++m) {
    for (int v = 0; v < V; ++v) {
      sums[m][v] =
          stretch.first == 0 ? _mm256_setzero_ps() : _mm256_loadu_ps(out + m * task.out_stride + v * kGroupRows);
    }
  }
  const std::int64_t parts = stretch.elements / F::kPart;
  for (std::int64_t p = 0; p < parts; ++p) {
    __m256i dots[R][V];
    Dot::run<F, R, V>(groups, p * F::kPart, values, x.stride, starts + p, task.starts_stride, dots);
    const std::int64_t block = p * F::kPart / 32;
    for (int v = 0; v < V; ++v) {
      const __m256 scale = _mm256_load_ps(groups[v].scales + p * kGroupRows);
      for (int m = 0; m < R; ++m) {
        const __m256 both = _mm256_mul_ps(scale, _mm256_broadcast_ss(x_scales + m * x.padded + block));
        sums[m][v] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[m][v]), both, sums[m][v]);
      }
      if constexpr (F::kMinimum) {
        const __m256 minimum = _mm256_load_ps(groups[v].minima + block * kGroupRows);
        for (int m = 0; m < R; ++m) {
          sums[m][v] = _mm256_fnmadd_ps(minimum, _mm256_broadcast_ss(weighted + m * x.padded + block), sums[m][v]);
        }
      }
    }
  }
  for (int m = 0; m < R; ++m) {
    for (int v = 0; v < V; ++v) _mm256_storeu_ps(out + m * task.out_stride + v * kGroupRows, sums[m][v]);
  }
}

template <class F, int V>
GAZE_TARGET void multiply_groups(const Stretch& stretch, std::int64_t group) {
  const std::int64_t rows = stretch.task->x->rows;
  std::int64_t m = 0;
  for (; m + 4 <= rows; m += 4) multiply_few<F, 4, V>(stretch, m, group);
  for (; m + 2 <= rows; m += 2) multiply_few<F, 2, V>(stretch, m, group);
  if (m < rows) multiply_few<F, 1, V>(stretch, m, group);
}

// Asks memory for what lies where the next rows' stretch does. As a number: the address may lie behind the weights.
inline void prefetch(const std::byte* at, std::int64_t row_bytes, std::int64_t bytes) {
  for (std::int64_t row = 0; row < kGroupRows; ++row) {
    const std::uintptr_t there = reinterpret_cast<std::uintptr_t>(at) + static_cast<std::uintptr_t>(row * row_bytes);
    for (std::int64_t line = 0; line < bytes; line += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(there + static_cast<std::uintptr_t>(line)), _MM_HINT_T0);
    }
  }
}

constexpr std::int64_t kGroups = kRowsPerTask / kGroupRows;

template <class F>
void multiply(const QuantizedTask& task) {
  static_assert(kStretch % 256 == 0);
  // Rows behind the last whole group, beside rows of zeros.
  Scratch::Frame frame;
  const std::int64_t whole = task.count / kGroupRows, rest = task.count % kGroupRows;
  const std::byte* last = nullptr;
  if (rest > 0) {
    const auto size = static_cast<std::size_t>(task.row_bytes);
    Tensor padded = frame.tensor({kGroupRows, task.row_bytes}, DType::u8);
    std::memset(padded.data<std::uint8_t>(), 0, kGroupRows * size);
    std::memcpy(padded.data<std::uint8_t>(), task.weights + whole * kGroupRows * task.row_bytes,
                static_cast<std::size_t>(rest) * size);
    last = reinterpret_cast<const std::byte*>(padded.data<std::uint8_t>());
  }
  const std::int64_t count = whole + (rest > 0 ? 1 : 0);
  const auto unpack = [&](std::int64_t group, std::int64_t first, std::int64_t elements, QuantizedGroup& to) {
    const std::byte* rows = group < whole ? task.weights + group * kGroupRows * task.row_bytes : last;
    const std::int64_t at = first / block_elements(task.type) * block_bytes(task.type);
    if (task.x->rows < kRowsForTiles && group < whole) {
      prefetch(rows + kGroupRows * task.row_bytes + at, task.row_bytes,
               elements / block_elements(task.type) * block_bytes(task.type));
    }
    unpack_group_avx2(task.type, rows + at, task.row_bytes, elements, Dot::kSplit, to);
  };
  Tensor memory = frame.tensor({kGroups * static_cast<std::int64_t>(sizeof(QuantizedGroup))}, DType::u8);
  auto* groups = reinterpret_cast<QuantizedGroup*>(memory.data<std::uint8_t>());
  if (task.x->rows < kRowsForTiles) {  // row after row, as they lie in memory
    for (std::int64_t group = 0; group < count; ++group) {
      for (std::int64_t first = 0; first < task.width; first += kStretch) {
        const Stretch stretch{&task, groups - group, first, std::min(kStretch, task.width - first)};
        unpack(group, first, stretch.elements, groups[0]);
        multiply_groups<F, 1>(stretch, group);
      }
    }
    return;
  }
  for (std::int64_t first = 0; first < task.width; first += kStretch) {
    const Stretch stretch{&task, groups, first, std::min(kStretch, task.width - first)};
    for (std::int64_t group = 0; group < count; ++group) unpack(group, first, stretch.elements, groups[group]);
    std::int64_t group = 0;
    for (; group + 2 <= count; group += 2) multiply_groups<F, 2>(stretch, group);
    if (group < count) multiply_groups<F, 1>(stretch, group);
  }
}

void multiply_any(const QuantizedTask& task) {
  if (multiply_row(task)) return;
  switch (task.type) {
    case BlockType::q4_0:
      return multiply<Form<4, 32, false>>(task);
    case BlockType::q4_1:
    case BlockType::q4_k:
      return multiply<Form<4, 32, true>>(task);
    case BlockType::q5_0:
      return multiply<Form<5, 32, false>>(task);
    case BlockType::q5_1:
    case BlockType::q5_k:
      return multiply<Form<5, 32, true>>(task);
    case BlockType::q6_k:
      return multiply<Form<6, 16, false>>(task);
    case BlockType::q8_0:
      return multiply<Form<8, 32, false>>(task);
  }
}

}  // namespace
}  // namespace gaze
