#include "tasks/embed.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>
#include <thread>

#include "base/message.h"
#include "base/threads.h"
#include "tasks/match.h"
#include "tensor/npy.h"

namespace gaze {
namespace {

constexpr std::size_t kPictures = 16;
constexpr std::size_t kTexts = 64;

// Rows of `parts`, one after the other.
Tensor joined(const std::vector<Tensor>& parts, std::int64_t dimension) {
  std::int64_t rows = 0;
  for (const Tensor& part : parts) rows += part.size(0);
  Tensor all = Tensor::empty({rows, dimension}, DType::f32);
  std::byte* at = all.raw();
  for (const Tensor& part : parts) {
    if (part.bytes() > 0) std::memcpy(at, part.raw(), part.bytes());
    at += part.bytes();
  }
  return all;
}

// Row i of `pixels` is picture i; what could not be read says why.
std::vector<std::optional<FailedInput>> read_batch(const ImageProcessor& processor,
                                                   std::span<const std::filesystem::path> paths,
                                                   const Bytes& standard_input, const PictureOptions& options,
                                                   Tensor& pixels) {
  const std::size_t one = 3 * static_cast<std::size_t>(processor.output_height()) * processor.output_width();
  const DecodeOptions decode = decode_options(processor, options);
  std::vector<std::optional<FailedInput>> failed(paths.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < paths.size(); i = next++) {
      try {
        const Bytes file = paths[i] == "-" ? Bytes() : read_picture(paths[i], {});
        processor.process(paths[i] == "-" ? standard_input : file, display(paths[i]), decode,
                          pixels.data<float>() + i * one);
      } catch (const Error& error) {
        failed[i] = FailedInput{paths[i], error.code(), error.message()};
      } catch (const std::bad_alloc&) {
        failed[i] = FailedInput{paths[i], ErrorCode::out_of_memory, message("there is not enough memory")};
      }
    }
  };
  std::vector<std::jthread> threads;
  const std::size_t helpers = std::min<std::size_t>(static_cast<std::size_t>(compute_threads()), paths.size()) - 1;
  for (std::size_t i = 0; i < helpers; ++i) threads.emplace_back(work);
  work();
  return failed;
}

}  // namespace

PictureVectors embed_pictures(const DualEncoder& encoder, std::span<const std::filesystem::path> paths,
                              const Bytes& standard_input, const PictureOptions& options, const CancelToken& cancel,
                              const std::function<void(std::size_t)>& progress) {
  const ImageProcessor& processor = encoder.image_processor();
  PictureVectors result;
  std::vector<Tensor> parts;
  for (std::size_t begin = 0; begin < paths.size(); begin += kPictures) {
    cancel.check();
    const auto batch = paths.subspan(begin, std::min(kPictures, paths.size() - begin));
    Tensor pixels = Tensor::empty(
        {static_cast<std::int64_t>(batch.size()), 3, processor.output_height(), processor.output_width()}, DType::f32);
    auto failed = read_batch(processor, batch, standard_input, options, pixels);

    std::int64_t kept = 0;  // good rows move together at the front
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (failed[i]) {
        result.failed.push_back(std::move(*failed[i]));
        continue;
      }
      const Tensor from = pixels.rows(static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1);
      if (kept != static_cast<std::int64_t>(i))
        std::memcpy(pixels.rows(kept, kept + 1).raw(), from.raw(), from.bytes());
      result.paths.push_back(batch[i]);
      ++kept;
    }
    if (kept > 0) parts.push_back(encoder.encode_images(pixels.rows(0, kept)));
    progress(begin + batch.size());
  }
  result.vectors = joined(parts, encoder.info().dimension);
  return result;
}

Tensor embed_texts(const DualEncoder& encoder, std::span<const std::string> texts, bool parse_special,
                   const CancelToken& cancel) {
  std::vector<Tensor> parts;
  for (std::size_t begin = 0; begin < texts.size(); begin += kTexts) {
    cancel.check();
    const auto batch = texts.subspan(begin, std::min(kTexts, texts.size() - begin));
    parts.push_back(encoder.encode_texts(encode_for(encoder, batch, parse_special)));
  }
  return joined(parts, encoder.info().dimension);
}

void write_vectors(const std::filesystem::path& path, const Tensor& pictures, const Tensor& texts) {
  write_npy(path, joined({pictures, texts}, pictures.size(1)));
}

}  // namespace gaze
