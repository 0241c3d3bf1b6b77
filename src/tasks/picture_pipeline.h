// Files become pixels on several threads while the caller runs the network on what is ready.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/cancel.h"
#include "catalog/library.h"
#include "media/image_header.h"
#include "media/image_processor.h"
#include "tasks/bounded_queue.h"
#include "tasks/failed_input.h"

namespace gaze {

// Whether a file's name, or else its first bytes, say that it is a picture.
bool is_picture_file(const std::filesystem::path& path);

// What a picture's bytes tell without its pixels; width and height are 0 where only decoding would tell them.
PictureFacts facts_of(std::span<const std::byte> file, const ImageHeader& header);

// What became of one file.
struct ReadyPicture {
  enum class Kind {
    pixels,   // to be looked at by the model
    known,    // what the model made of this content is kept already
    waits,    // another file of this run has the same content and is not settled: its fate is this one's
    skipped,  // not a picture, and its name does not say so
    failed
  };
  Kind kind = Kind::failed;
  std::size_t file = 0;  // index into the files of the run
  ContentHash hash{};
  ContentId content = 0;      // of `known`
  PictureFacts facts;         // of `pixels`
  std::vector<float> pixels;  // 3 × height × width of the processor
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

// Reads, hashes, decodes and prepares files, in any order. What lies ready is bounded, and so are the pixels that are
// decoded at one time: memory stays flat however many and large the pictures are.
class PicturePipeline {
 public:
  // The id of a content of which is kept already what the caller is after. Called by one thread at a time.
  using FindKnown = std::function<std::optional<ContentId>(const ContentHash&)>;

  struct Options {
    bool fast_decode = false;
    bool exif_rotation = true;
    int threads = 1;
    std::size_t ready = 1;  // how many pictures may wait for the caller
  };

  // Begins at once. What is passed by reference outlives the pipeline.
  PicturePipeline(std::span<const PictureFile* const> files, const ImageProcessor& processor, FindKnown find_known,
                  const Options& options, const CancelToken& cancel);
  ~PicturePipeline();  // stops and waits for the threads

  // The next file that is done, or nothing when all are. Throws what stopped a thread (cancelled, the library's
  // errors).
  std::optional<ReadyPicture> next();

  // The content is stored, or has failed for good: a file of the same content that comes now is looked at afresh.
  void settle(const ContentHash& hash);

 private:
  void work();
  ReadyPicture prepare(std::size_t index);
  void identify(ReadyPicture& picture);

  void decode(const Bytes& bytes, const std::string& name, ReadyPicture& picture);

  // How many pixels may be decoded at a time, all threads together.
  class PixelBudget {
   public:
    // Waits until so many more fit; more than may be at all go alone.
    class Share {
     public:
      Share(PixelBudget& budget, std::int64_t pixels);
      ~Share();
      Share(const Share&) = delete;
      Share& operator=(const Share&) = delete;

     private:
      PixelBudget& budget_;
      const std::int64_t pixels_;
    };

   private:
    std::mutex mutex_;
    std::condition_variable freed_;
    std::int64_t used_ = 0;
  };

  const std::span<const PictureFile* const> files_;
  const ImageProcessor& processor_;
  const FindKnown find_known_;
  const Options options_;
  const CancelToken& cancel_;

  BoundedQueue<ReadyPicture> ready_;
  PixelBudget budget_;
  std::mutex large_file_;  // held by the one who reads a large file
  std::mutex mutex_;       // guards what follows
  std::size_t next_file_ = 0;
  int working_ = 0;
  std::exception_ptr failure_;
  std::unordered_set<ContentHash, ContentHashHasher> in_hand_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gaze
