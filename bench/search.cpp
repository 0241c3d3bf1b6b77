// How long exact search takes, beside the time to read the same bytes once.
//   gaze_bench_search [ROWS=1000000 [PICTURES=100000 [CHECKPOINT]]]
// "scan": ROWS vectors of 512 dimensions in memory. "library": PICTURES in a library on disk, by this process (warm)
// and by one that begins (open: the library, its scan file, one search); caption_search: words among as many captions,
// the commonest words of English in all of them. "text_to_vector": a query through CHECKPOINT's
// text tower. Medians of alternating runs.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/parallel.h"
#include "catalog/caption_store.h"
#include "catalog/library.h"
#include "catalog/vector_search.h"
#include "index/exact_search.h"
#include "models/dual_encoder.h"

namespace gaze {
namespace {

constexpr int kDimension = 512;
constexpr int kRuns = 11;
const ModelKey kModel{"bench", "none"};

// Unit vectors whose cosines spread as those of CLIP pictures do: a common part, and a part of each one's own.
class Vectors {
 public:
  Vectors() : common_(kDimension) {
    std::uint64_t state = 1;
    for (float& x : common_) x = noise(state);
    common_[133] += 15;  // CLIP's one large dimension
  }

  void make(std::int64_t id, float* to) const {
    std::uint64_t state = static_cast<std::uint64_t>(id) * 0x9E3779B97F4A7C15 + 7;
    double squares = 0;
    for (int i = 0; i < kDimension; ++i) {
      to[i] = common_[static_cast<std::size_t>(i)] + noise(state);
      squares += static_cast<double>(to[i]) * to[i];
    }
    const auto inverse = static_cast<float>(1 / std::sqrt(squares));
    for (int i = 0; i < kDimension; ++i) to[i] *= inverse;
  }
  std::vector<float> make(std::int64_t id) const {
    std::vector<float> vector(kDimension);
    make(id, vector.data());
    return vector;
  }

 private:
  // Four bytes of a xorshift sum up to nearly normal noise.
  static float noise(std::uint64_t& state) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    int sum = 0;
    for (int byte = 0; byte < 8; ++byte) sum += static_cast<int>(state >> (8 * byte) & 255);
    return static_cast<float>(sum - 1020) / 209.0f;
  }

  std::vector<float> common_;
};

double milliseconds(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

// Every byte once, on all compute threads.
std::uint64_t read_once(const std::int8_t* bytes, std::int64_t count) {
  std::atomic<std::uint64_t> total = 0;
  parallel_ranges(count / 64, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    const auto* words = reinterpret_cast<const std::uint64_t*>(bytes);
    std::uint64_t sum[8] = {};
    for (std::int64_t i = begin * 8; i < end * 8; i += 8) {
      for (int j = 0; j < 8; ++j) sum[j] += words[i + j];
    }
    for (const std::uint64_t one : sum) total += one;
  });
  return total;
}

OrderedJson bench_scan(const Vectors& vectors, std::int64_t rows) {
  std::vector<float> sample;
  for (int i = 0; i < 4096; ++i) {
    const auto one = vectors.make(i * (rows / 4096));
    sample.insert(sample.end(), one.begin(), one.end());
  }
  VectorCodesBuilder builder(kDimension, rows, sample);
  const double build = milliseconds([&] {
    for (std::int64_t id = 0; id < rows; ++id) builder.add(id, vectors.make(id));
  });
  const VectorCodes codes = builder.finish();

  std::vector<double> reads, scans, ratios, rescored;
  std::uint64_t unused = 0;
  for (int run = 0; run <= kRuns; ++run) {
    std::size_t fetched = 0;
    const FetchVectors fetch = [&](std::span<const std::int64_t> ids, float* to) {
      fetched += ids.size();
      for (const std::int64_t id : ids) vectors.make(id, to), to += kDimension;
    };
    const auto query = vectors.make(-1 - run);
    const double read = milliseconds([&] { unused += read_once(codes.row(0), rows * codes.stride()); });
    const double scan = milliseconds([&] { exact_search(codes, query, 5, fetch); });
    if (run == 0) continue;  // warm-up
    reads.push_back(read), scans.push_back(scan), ratios.push_back(scan / read);
    rescored.push_back(static_cast<double>(fetched));
  }
  return {{"rows", rows},
          {"dimension", kDimension},
          {"read_once_ms", median(reads)},
          {"read_gb_per_s", static_cast<double>(rows * codes.stride()) / median(reads) / 1e6},
          {"search_ms", median(scans)},
          {"ratio", median(ratios)},
          {"vectors_rescored", median(rescored)},
          {"build_s_with_making_vectors", build / 1000},
          {"checksum", unused % 1000}};
}

// Some sentence about picture `id`: of each kind of word one in four is the first.
std::string caption(std::int64_t id) {
  constexpr std::array<const char*, 8> kWho{"dog", "man", "woman", "child", "horse", "bird", "girl", "cyclist"};
  constexpr std::array<const char*, 8> kWhat{"runs", "sits", "jumps", "stands", "sleeps", "plays", "eats", "waits"};
  constexpr std::array<const char*, 8> kWhere{"beach", "street", "grass", "sofa", "snow", "bridge", "lake", "stage"};
  std::uint64_t state = static_cast<std::uint64_t>(id) * 0x9E3779B97F4A7C15 + 7;
  const auto pick = [&](const auto& words) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    const std::uint64_t a = state % words.size(), b = state / 64 % words.size();
    return words[std::min(a, b)];
  };
  return fmt::format("a {} {} on the {} in front of number{}", pick(kWho), pick(kWhat), pick(kWhere), id % 5000);
}

OrderedJson bench_library(const Vectors& vectors, std::int64_t pictures) {
  const auto folder = std::filesystem::temp_directory_path() / ("gaze-bench-search-" + std::to_string(::getpid()));
  const auto path = folder / "library.db";
  OrderedJson result{{"pictures", pictures}};
  {
    Library library = Library::create(path);
    const auto model = library.use_model(kModel, kDimension);
    result["store_s"] = milliseconds([&] {
                          for (std::int64_t begin = 0; begin < pictures; begin += 1000) {
                            std::vector<NewPicture> batch;
                            for (std::int64_t id = begin; id < std::min(begin + 1000, pictures); ++id) {
                              const std::string name = "/pictures/holiday/" + std::to_string(id) + ".jpg";
                              NewPicture& picture = batch.emplace_back();
                              picture.hash = content_hash(as_blob(name));
                              picture.facts.width = 4000;
                              picture.facts.height = 3000;
                              picture.vector = vectors.make(id);
                              picture.files.push_back({.path = name, .size = 1, .modified_ns = 1});
                            }
                            library.store(model, batch);
                          }
                        }) /
                        1000;
    VectorSearch search(library, kModel);
    result["first_search_makes_scan_file_ms"] = milliseconds([&] { search.search(vectors.make(-1), 5); });
    for (const std::int64_t top_k : {std::int64_t{5}, std::int64_t{100}, pictures}) {
      std::vector<double> times;
      for (int run = 0; run < (top_k == pictures ? 3 : kRuns); ++run) {
        times.push_back(milliseconds([&] { search.search(vectors.make(-2 - run), top_k); }));
      }
      result["warm_search_top_" + std::to_string(top_k) + "_ms"] = median(times);
    }
    CaptionStore captions(library);
    for (std::int64_t begin = 0; begin < pictures; begin += 1000) {
      std::vector<NewCaption> batch;
      for (std::int64_t id = begin; id < std::min(begin + 1000, pictures); ++id) {
        const std::string name = "/pictures/holiday/" + std::to_string(id) + ".jpg", text = caption(id);
        batch.push_back({.hash = content_hash(as_blob(name)),
                         .files = {{.path = name, .size = 1, .modified_ns = 1}},
                         .caption = {.text = text},
                         .words = text});
      }
      captions.store({kModel, "bench"}, batch);
    }
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"a", "dog", "runs", "on", "the", "beach"}, std::vector<std::string>{"number77"}}) {
      std::vector<double> times;
      for (int run = 0; run < kRuns; ++run) times.push_back(milliseconds([&] { captions.search(words, 1000); }));
      result[fmt::format("caption_search_{}_words_ms", words.size())] = median(times);
    }
    result["library_bytes"] = library.stats().bytes;
  }
  std::vector<double> opens;
  for (int run = 0; run < kRuns; ++run) {
    opens.push_back(milliseconds([&] {
      Library library = Library::open(path);
      VectorSearch(library, kModel).search(vectors.make(-100 - run), 5);
    }));
  }
  result["open_and_search_ms"] = median(opens);
  std::filesystem::remove_all(folder);
  return result;
}

// A text to its vector by a model that is loaded already.
double bench_text(const char* checkpoint) {
  const auto model = load_dual_encoder(checkpoint, {.image_tower = false});
  std::vector<double> times;
  for (int run = 0; run < 10 * kRuns; ++run) {
    times.push_back(milliseconds([&] {
      const std::vector<std::vector<TokenId>> texts{model->tokenizer().encode(
          "a dog catches a frisbee on the beach", {.max_length = model->info().context_length})};
      model->encode_texts(texts);
    }));
  }
  return median(times);
}

}  // namespace
}  // namespace gaze

int main(int count, char** arguments) {
  using namespace gaze;
  try {
    const std::int64_t rows = count > 1 ? std::atoll(arguments[1]) : 1'000'000;
    const std::int64_t pictures = count > 2 ? std::atoll(arguments[2]) : 100'000;
    const Vectors vectors;
    OrderedJson result{{"threads", compute_threads()}};
    if (rows >= 4096) result["scan"] = bench_scan(vectors, rows);
    if (pictures > 0) result["library"] = bench_library(vectors, pictures);
    if (count > 3) result["text_to_vector_ms"] = bench_text(arguments[3]);
    std::puts(dump_json(result, 2).c_str());
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
