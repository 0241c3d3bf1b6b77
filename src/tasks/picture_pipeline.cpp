#include "tasks/picture_pipeline.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <new>
#include <string_view>

#include "base/check.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "media/exif.h"
#include "media/image_header.h"

namespace gaze {
namespace {

// 72 MB of RGB: two 12-megapixel pictures at a time.
constexpr std::int64_t kPixelsAtATime = 25'000'000;

// Files larger than this are read one at a time.
constexpr std::int64_t kLargeFileBytes = 32 * MiB;

// Whether a file's name promises a picture: then a file that is none has failed instead of being skipped.
bool named_as_picture(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 16> kExtensions{".jpg",  ".jpeg", ".jpe",  ".jfif", ".png",  ".webp",
                                                         ".gif",  ".bmp",  ".dib",  ".tif",  ".tiff", ".heic",
                                                         ".heif", ".hif",  ".avif", ".apng"};
  std::string extension = path.extension().native();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

// Whether an unnamed file's first bytes are a picture's. "BM" alone also begins words: a bitmap must have its header.
bool begins_as_picture(const std::filesystem::path& path) {
  std::array<std::byte, 256> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(head.data()), head.size());
  const auto read = std::span(head).first(static_cast<std::size_t>(file.gcount()));
  const ImageFormat format = image_format(read);
  return format != ImageFormat::unknown && (format != ImageFormat::bmp || read_image_header(read).width > 0);
}

// What does not concern one picture alone.
bool is_fatal(ErrorCode code) {
  return code == ErrorCode::cancelled || code == ErrorCode::library_locked || code == ErrorCode::library_damaged ||
         code == ErrorCode::disk_full;
}

// Both sides of what a fast decode delivers stay at least this long: the resize that follows still makes them smaller.
int fast_decode_side(const ImageProcessor& processor) {
  const int side =
      processor.shortest_edge > 0 ? processor.shortest_edge : std::max(processor.resize_width, processor.resize_height);
  return 2 * side;
}

}  // namespace

bool is_picture_file(const std::filesystem::path& path) {
  return named_as_picture(path) || begins_as_picture(path);
}

PicturePipeline::PicturePipeline(std::span<const PictureFile* const> files, const ImageProcessor& processor,
                                 FindKnown find_known, const Options& options, const CancelToken& cancel)
    : files_(files),
      processor_(processor),
      find_known_(std::move(find_known)),
      options_(options),
      cancel_(cancel),
      ready_(options.ready),
      working_(options.threads) {
  threads_.reserve(static_cast<std::size_t>(options.threads));
  for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { work(); });
}

PicturePipeline::~PicturePipeline() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  ready_.close();
  for (std::thread& thread : threads_) thread.join();
}

std::optional<ReadyPicture> PicturePipeline::next() {
  if (auto picture = ready_.pop()) return picture;
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return {};
}

void PicturePipeline::settle(const ContentHash& hash) {
  const std::lock_guard lock(mutex_);
  in_hand_.erase(hash);
}

void PicturePipeline::work() {
  const auto take = [&]() -> std::optional<std::size_t> {
    const std::lock_guard lock(mutex_);
    if (stopped_ || failure_ || next_file_ == files_.size()) return {};
    return next_file_++;
  };
  try {
    while (const auto index = take()) {
      cancel_.check();
      if (!ready_.push(prepare(*index))) break;
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  if (--working_ == 0 || failure_) ready_.close();
}

ReadyPicture PicturePipeline::prepare(std::size_t index) {
  const PictureFile& file = *files_[index];
  const std::string name = display(file.given.empty() ? file.path : file.given);
  ReadyPicture picture{.file = index};
  const auto fail = [&](ErrorCode code, const std::string& message) {
    picture.kind = ReadyPicture::Kind::failed;
    picture.code = code;
    picture.message = message;
  };
  try {
    if (!is_picture_file(file.path)) {
      picture.kind = ReadyPicture::Kind::skipped;
      return picture;
    }
    std::unique_lock large(large_file_, std::defer_lock);
    if (file.size > kLargeFileBytes) large.lock();
    const Bytes bytes = read_file(file.path, limits().image_file_bytes);
    picture.hash = content_hash(bytes);
    identify(picture);
    if (picture.kind == ReadyPicture::Kind::pixels) decode(bytes, name, picture);
  } catch (const Error& error) {
    if (is_fatal(error.code())) throw;
    fail(error.code(), error.message());
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, message("{}: not enough memory for this picture", name));
  }
  return picture;
}

PictureFacts facts_of(std::span<const std::byte> file, const ImageHeader& header) {
  ExifFacts exif = read_exif(file, header.format);
  PictureFacts facts{header.width, header.height, std::move(exif.taken), std::move(exif.camera), {}, {}};
  if (exif.place) {
    facts.latitude = exif.place->latitude;
    facts.longitude = exif.place->longitude;
  }
  return facts;
}

void PicturePipeline::identify(ReadyPicture& picture) {
  const std::lock_guard lock(mutex_);
  if (in_hand_.contains(picture.hash)) {
    picture.kind = ReadyPicture::Kind::waits;
  } else if (const auto known = find_known_(picture.hash)) {
    picture.kind = ReadyPicture::Kind::known;
    picture.content = *known;
  } else {
    picture.kind = ReadyPicture::Kind::pixels;
    in_hand_.insert(picture.hash);
  }
}

void PicturePipeline::decode(const Bytes& bytes, const std::string& name, ReadyPicture& picture) {
  const ImageHeader header = read_image_header(bytes, options_.exif_rotation);
  picture.facts = facts_of(bytes, header);
  DecodeOptions decode{.exif_rotation = options_.exif_rotation};
  if (options_.fast_decode) decode.at_least = fast_decode_side(processor_);
  // A header that cannot be read promises nothing: room for the largest picture there may be.
  const bool readable = header.width > 0;
  const std::int64_t pixels = !readable           ? limits().image_pixels
                              : header.row_by_row ? 0
                                                  : std::int64_t{header.width} * header.height;
  const PixelBudget::Share share(budget_, std::min(pixels, limits().image_pixels));
  picture.pixels.resize(std::size_t{3} * static_cast<std::size_t>(processor_.output_height()) *
                        static_cast<std::size_t>(processor_.output_width()));
  if (readable) {
    processor_.process(bytes, name, decode, picture.pixels.data());
  } else {
    const Image image = decode_image(bytes, name, decode);
    picture.facts.width = image.width;
    picture.facts.height = image.height;
    processor_.process(image, picture.pixels.data());
  }
}

PicturePipeline::PixelBudget::Share::Share(PixelBudget& budget, std::int64_t pixels)
    : budget_(budget), pixels_(pixels) {
  std::unique_lock lock(budget_.mutex_);
  budget_.freed_.wait(lock, [&] { return budget_.used_ == 0 || budget_.used_ + pixels_ <= kPixelsAtATime; });
  budget_.used_ += pixels_;
}

PicturePipeline::PixelBudget::Share::~Share() {
  const std::lock_guard lock(budget_.mutex_);
  budget_.used_ -= pixels_;
  budget_.freed_.notify_all();
}

}  // namespace gaze
