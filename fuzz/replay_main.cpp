// Stands in for libFuzzer: runs a target on every seed, on the seed cut short, and on the seed with bytes changed.
// Always the same inputs, so that a failure in ctest can be run again.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kCuts = 48;
constexpr int kChanges = 96;
int runs = 0;

void run(const std::vector<std::uint8_t>& bytes) {
  const std::vector<std::uint8_t> exact(bytes);  // no spare capacity, so that ASan sees a read past the end
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ++runs;
}

void replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> seed{std::istreambuf_iterator<char>(file), {}};
  run(seed);
  for (int i = 0; i < kCuts; ++i)
    run({seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(seed.size() * i / kCuts)});
  if (seed.empty()) return;
  std::mt19937 random(static_cast<std::uint32_t>(seed.size()));
  for (int i = 0; i < kChanges; ++i) {
    std::vector<std::uint8_t> changed = seed;
    for (int k = 0; k <= i % 4; ++k) changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
    run(changed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> seeds;
  for (int i = 1; i < argc; ++i) {
    if (std::filesystem::is_directory(argv[i])) {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) seeds.push_back(entry.path());
    } else {
      seeds.emplace_back(argv[i]);
    }
  }
  std::sort(seeds.begin(), seeds.end());
  for (const auto& seed : seeds) replay(seed);
  std::printf("%zu seeds, %d inputs\n", seeds.size(), runs);
  return seeds.empty() ? 1 : 0;
}
