// How fast one row of activations is multiplied with quantised weights: what decoding does, for every block type and
// every instruction set this CPU has.
//   gaze_bench_rows [TYPE…]   "Q4_0", "Q6_K" …; none: all
// GB/s of weights: "cache", one thread over a matrix that stays in the second-level cache, the best of many short
// rounds, for whoever shares the machine only ever slows one down; "memory", all threads over one of 512 MiB, in turns
// with "read", a plain read of as many bytes: medians.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/parallel.h"
#include "ops/isa.h"
#include "ops/quantized_matmul.h"

namespace gaze {
namespace {

struct Size {
  std::int64_t width, bytes;
};
constexpr Size kCache{1024, 384 << 10}, kMemory{4096, 512 << 20};
constexpr int kShortRounds = 15, kRounds = 7;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
  return values[values.size() / 2];
}

std::vector<std::pair<const char*, QuantizedIsa>> present_isas() {
  const CpuFeatures& cpu = cpu_features();
  std::vector<std::pair<const char*, QuantizedIsa>> isas;
  if (cpu.avx2) isas.emplace_back("avx2", QuantizedIsa::avx2);
  if (cpu.avx_vnni) isas.emplace_back("avx_vnni", QuantizedIsa::avx_vnni);
  if (cpu.avx512_vnni) isas.emplace_back("avx512", QuantizedIsa::avx512);
  return isas;
}

// Whole rows of `type` in `bytes`, as many as fit.
BlockTensor matrix(BlockType type, const std::shared_ptr<std::byte[]>& bytes, Size size) {
  const std::int64_t row = size.width / block_elements(type) * block_bytes(type), rows = size.bytes / row / 32 * 32;
  return {type, {rows, size.width}, {bytes.get(), static_cast<std::size_t>(rows * row)}, bytes};
}

// GB/s at which y = x · Wᵀ reads W, each time so often that a clock sees it.
std::function<double()> product(const BlockTensor& weights, QuantizedIsa isa, int times) {
  Tensor x = Tensor::zeros({1, weights.shape[1]}, DType::f32);
  std::fill_n(x.data<float>(), x.elements(), 0.5f);
  return
      [x, times, size = static_cast<double>(weights.bytes.size()), y = Tensor::zeros({1, weights.shape[0]}, DType::f32),
       matmul = QuantizedMatmul({weights}, {}, isa)]() mutable {
        const double seconds = seconds_of([&] {
          for (int i = 0; i < times; ++i) matmul.run(x, y);
        });
        return size * times / seconds / 1e9;
      };
}

double plain_read(const std::byte* bytes, std::int64_t size) {
  const auto* words = reinterpret_cast<const std::uint64_t*>(bytes);
  std::atomic<std::uint64_t> total = 0;
  const double seconds = seconds_of([&] {
    parallel_ranges(size / 8, 4096, [&](std::int64_t begin, std::int64_t end) {
      std::uint64_t sum = 0;
      for (std::int64_t i = begin; i < end; ++i) sum += words[i];
      total += sum;
    });
  });
  return total == 1 ? 0 : static_cast<double>(size) / seconds / 1e9;
}

struct Row {
  std::string name;
  std::function<double()> small, large;
  double cache = 0;
  std::vector<double> memory;
};

int run(const std::vector<std::string_view>& names) {
  const std::shared_ptr<std::byte[]> bytes(new std::byte[kMemory.bytes]);
  std::memset(bytes.get(), 0x2C, kMemory.bytes);  // as a half precision scale: 0.065
  std::vector<Row> rows;
  for (const BlockType type : {BlockType::q4_0, BlockType::q4_1, BlockType::q5_0, BlockType::q5_1, BlockType::q8_0,
                               BlockType::q4_k, BlockType::q5_k, BlockType::q6_k}) {
    if (!names.empty() && std::ranges::find(names, to_string(type)) == names.end()) continue;
    for (const auto& [isa_name, isa] : present_isas()) {
      rows.push_back({.name = std::string(to_string(type)) + " " + isa_name,
                      .small = product(matrix(type, bytes, kCache), isa, 10),
                      .large = product(matrix(type, bytes, kMemory), isa, 1)});
    }
  }
  const int threads = compute_threads();
  std::vector<double> read;
  for (int round = 0; round < kRounds; ++round) {
    set_compute_threads(1);
    for (Row& row : rows) {
      for (int i = 0; i < kShortRounds; ++i) row.cache = std::max(row.cache, row.small());
    }
    set_compute_threads(threads);
    for (Row& row : rows) {
      row.memory.push_back(row.large());
      read.push_back(plain_read(bytes.get(), kMemory.bytes));
    }
  }
  std::printf("{\"cpu\": \"%s\", \"threads\": %d, \"read\": %.1f", cpu_name().c_str(), threads, median(read));
  for (const Row& row : rows) {
    std::printf(",\n \"%s\": {\"cache\": %.1f, \"memory\": %.1f}", row.name.c_str(), row.cache, median(row.memory));
  }
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace gaze

int main(int count, char** arguments) {
  return gaze::run({arguments + 1, arguments + count});
}
