#include "ops/attention.h"

#include <vector>

#include "ops/cached_numbers.h"
#include "ops/reference.h"
#include "ops/test_support.h"

namespace gaze {
namespace {

using test::expect_close;
using test::for_each_target;
using test::random;

// A fused [batch, length, (heads + 2 · key_heads) · size] product, as the encoders have it.
void check_fused(std::int64_t batch, std::int64_t length, AttentionShape shape, DType type, DType to,
                 const std::vector<std::int32_t>& key_lengths = {}) {
  SCOPED_TRACE(testing::Message() << batch << "x" << length << " heads " << shape.heads << "/" << shape.key_heads << "x"
                                  << shape.head_size << (shape.causal ? " causal " : " ") << to_string(type));
  const std::int64_t query_width = shape.heads * shape.head_size, key_width = shape.key_heads * shape.head_size;
  const Tensor qkv = random({batch, length, query_width + 2 * key_width}, 1, type, true);
  const HeadColumns q{qkv, 0}, k{qkv, query_width}, v{qkv, query_width + key_width};
  Tensor out = Tensor::empty({batch, length, query_width}, to);
  attention(shape, q, k, v, length, key_lengths, out);
  expect_close(out, reference::attention(shape, q, k, v, length, key_lengths), 5e-6);
}

TEST(Attention, IsItsFormulaForEveryShape) {
  for_each_target([] {
    for (const std::int64_t length : {1, 2, 15, 50, 65, 131}) {
      for (const std::int64_t size : {8, 13, 64, 88}) {
        for (const bool causal : {false, true}) {
          check_fused(2, length, {3, 3, size, 0.3f, causal}, DType::f32, DType::f32);
        }
      }
    }
  });
}

TEST(Attention, ReadsAndWritesBothTypes) {
  for_each_target([] {
    for (const DType from : {DType::f32, DType::bf16}) {
      for (const DType to : {DType::f32, DType::bf16}) check_fused(1, 50, {2, 2, 40, 0.2f, false}, from, to);
    }
  });
}

TEST(Attention, SharesKeysAmongGroupsOfQueries) {
  for_each_target([] { check_fused(2, 21, {6, 2, 16, 0.25f, true}, DType::f32, DType::f32); });
}

TEST(Attention, LeavesOutPaddedKeys) {
  for_each_target([] {
    check_fused(3, 19, {2, 2, 16, 0.25f, false}, DType::f32, DType::f32, {19, 1, 7});
    check_fused(3, 19, {2, 2, 16, 0.25f, true}, DType::f32, DType::f32, {19, 1, 7});
  });
}

// A decoder's step: few queries over a cache that is filled in part.
TEST(Attention, ReadsAPartlyFilledCache) {
  for_each_target([] {
    const AttentionShape shape{4, 2, 24, 0.2f, true};
    for (const std::int64_t queries : {1, 3}) {
      const Tensor query = random({2, queries, 96}, 1), key = random({2, 40, 48}, 2), value = random({2, 40, 48}, 3);
      Tensor out = Tensor::empty({2, queries, 96}, DType::f32);
      attention(shape, {query}, {key}, {value}, 29, {}, out);
      expect_close(out, reference::attention(shape, {query}, {key}, {value}, 29, {}), 5e-6);
    }
  });
}

TEST(Attention, ReadsACacheInInt8) {
  for_each_target([] {
    for (const std::int64_t size : {24, 64, 80}) {
      const AttentionShape shape{4, 2, size, 0.2f, true};
      const Tensor query = random({2, 70, 4 * size}, 1);
      Tensor keys = Tensor::empty({2, 100, 2 * cached_size(DType::i8, size)}, DType::i8), values = keys.clone();
      to_cache(random({2, 100, 2 * size}, 2), size, keys);
      to_cache(random({2, 100, 2 * size}, 3), size, values);
      Tensor out = Tensor::empty({2, 70, 4 * size}, DType::f32);
      attention(shape, {query}, {keys}, {values}, 93, {}, out);
      const Tensor key = reference::from_cache(keys, size).reshaped({2, 100, 2 * size});
      const Tensor value = reference::from_cache(values, size).reshaped({2, 100, 2 * size});
      expect_close(out, reference::attention(shape, {query}, {key}, {value}, 93, {}), 5e-6);
    }
  });
}

// Rows in a mixed order over three memories: those of one that stand together share a product.
TEST(AttentionMemory, IsAttentionOverEachRowsMemory) {
  for_each_target([] {
    const AttentionShape shape{3, 3, 20, 0.25f};
    for (const DType type : {DType::f32, DType::bf16}) {
      const Tensor keys_values = random({3, 37, 120}, 1, type, true);
      const AttentionMemory memory(shape, {keys_values, 0}, {keys_values, 60});
      for (const std::int64_t length : {1, 3, 40}) {
        const std::vector<int> memory_of_row{2, 2, 2, 2, 2, 0, 1, 1, 0};
        const std::int64_t rows = 9;
        const Tensor query = random({rows * length, 60}, 2, type, true);
        Tensor out = Tensor::empty({rows * length, 60}, DType::f32);
        memory.attend(query, memory_of_row, out);
        for (std::int64_t r = 0; r < rows; ++r) {
          const int at = memory_of_row[static_cast<std::size_t>(r)];
          const Tensor one = query.rows(r * length, (r + 1) * length).reshaped({1, length, 60});
          const Tensor seen = keys_values.rows(at, at + 1);
          expect_close(out.rows(r * length, (r + 1) * length).reshaped({1, length, 60}),
                       reference::attention(shape, {one}, {seen, 0}, {seen, 60}, 37, {}), 5e-6);
        }
      }
    }
  });
}

TEST(Attention, LargeScoresStayFinite) {
  for_each_target([] { check_fused(1, 33, {1, 1, 16, 200.0f, true}, DType::f32, DType::f32); });
}

}  // namespace
}  // namespace gaze
