#include "tasks/index_pictures.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/file.h"
#include "base/message.h"
#include "base/threads.h"
#include "catalog/stored_vector.h"
#include "catalog/vector_search.h"
#include "tasks/picture_pipeline.h"
#include "tasks/picture_walk.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 16;           // pictures the network sees at a time
constexpr std::size_t kCommitPictures = 64;  // stored in one transaction, or what came in
constexpr auto kCommitTime = std::chrono::seconds(1);
constexpr auto kProgressTime = std::chrono::milliseconds(100);

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One run of index_pictures.
class Indexer {
 public:
  Indexer(Library& library, const DualEncoder& encoder, const ModelKey& model, const IndexOptions& options,
          const CancelToken& cancel)
      : library_(library),
        encoder_(encoder),
        key_(model),
        model_(library.use_model(model, encoder.info().dimension)),
        options_(options),
        cancel_(cancel) {}

  IndexResult run(std::span<const fs::path> named) {
    walked_ = walk_folders(named, options_.follow_links, cancel_);
    find_changes();
    read_changes();
    forget_missing();
    VectorSearch(library_, key_).refresh();
    finish();
    return std::move(result_);
  }

 private:
  // A file that is new or changed, and what became of it.
  struct Change {
    enum class Fate { open, stored, no_picture, unreadable };

    std::size_t file = 0;               // index into walked_.files
    std::optional<KnownPicture> known;  // what the library has under this name
    Fate fate = Fate::open;
  };
  // What the next transaction stores, and for which of changes_.
  struct Pending {
    NewPicture picture;
    ContentId content = 0;  // where it is known
    std::vector<std::size_t> changes;
  };

  void find_changes() {
    for (std::size_t i = 0; i < walked_.files.size(); ++i) {
      cancel_.check();
      const PictureFile& file = walked_.files[i];
      const auto known = library_.find_picture(file.path, model_);
      if (known && known->has_vector && known->size == file.size && known->modified_ns == file.modified_ns) {
        ++result_.unchanged;
      } else {
        changes_.push_back({i, known});
        to_read_.push_back(&file);
      }
    }
  }

  void read_changes() {
    pipeline_.emplace(
        to_read_, encoder_.image_processor(), [this](const auto& hash) { return find_vector(hash); },
        PicturePipeline::Options{.fast_decode = options_.fast_decode,
                                 .exif_rotation = options_.exif_rotation,
                                 .threads = compute_threads(),
                                 .ready = 2 * kBatch},
        cancel_);
    try {
      while (auto picture = pipeline_->next()) {
        take(*std::move(picture));
        report(kProgressTime);
      }
      embed();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::cancelled) commit();  // what is embedded already need not be lost
      throw;
    }
    commit();
    report({});
    pipeline_.reset();
  }

  std::optional<ContentId> find_vector(const ContentHash& hash) {
    const auto known = library_.find_content(hash, model_);
    return known && known->has_vector ? std::optional(known->id) : std::nullopt;
  }

  void take(ReadyPicture picture) {
    switch (picture.kind) {
      case ReadyPicture::Kind::pixels:
        batch_.push_back(std::move(picture));
        if (batch_.size() == kBatch) embed();
        break;
      case ReadyPicture::Kind::known:
        keep({.picture = {.hash = picture.hash}, .content = picture.content, .changes = {picture.file}});
        break;
      case ReadyPicture::Kind::waits:
        wait(std::move(picture));
        break;
      case ReadyPicture::Kind::skipped:
        changes_[picture.file].fate = Change::Fate::no_picture;
        ++result_.skipped;
        ++done_;
        break;
      case ReadyPicture::Kind::failed:
        fail(picture.hash, picture.file, picture.code, picture.message);
        break;
    }
  }

  // The same content as another file of this run, which may have gone either way by now, or not yet.
  void wait(ReadyPicture picture) {
    if (const auto failed = failed_contents_.find(picture.hash); failed != failed_contents_.end()) {
      fail_alike(picture.file, failed->second);
    } else if (const auto known = find_vector(picture.hash)) {
      keep({.picture = {.hash = picture.hash}, .content = *known, .changes = {picture.file}});
    } else {
      waiting_[picture.hash].push_back(picture.file);
    }
  }

  void embed() {
    if (batch_.empty()) return;
    cancel_.check();
    const ImageProcessor& processor = encoder_.image_processor();
    if (!pixels_.defined()) {
      pixels_ = Tensor::empty({kBatch, 3, processor.output_height(), processor.output_width()}, DType::f32);
    }
    float* to = pixels_.data<float>();
    for (const ReadyPicture& picture : batch_) to = std::copy(picture.pixels.begin(), picture.pixels.end(), to);
    const Tensor vectors = encoder_.encode_images(pixels_.rows(0, std::ssize(batch_)));

    const auto width = static_cast<std::size_t>(model_.dimension);
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const ReadyPicture& picture = batch_[i];
      const auto vector = vectors.values<float>().subspan(i * width, width);
      if (!is_unit_vector(std::as_bytes(vector), model_.dimension)) {
        fail(picture.hash, picture.file, ErrorCode::bad_weights,
             message("{}: the model makes no usable vector of this picture", name_of(picture.file)));
        continue;
      }
      keep({.picture = {.hash = picture.hash, .facts = picture.facts, .vector = {vector.begin(), vector.end()}},
            .changes = {picture.file}});
    }
    batch_.clear();
  }

  void keep(Pending pending) {
    pending_.push_back(std::move(pending));
    ++done_;
    if (pending_.size() >= kCommitPictures || Clock::now() - last_commit_ >= kCommitTime) commit();
  }

  void commit() {
    last_commit_ = Clock::now();
    if (pending_.empty()) return;
    std::vector<NewPicture> pictures;
    for (Pending& pending : pending_) {
      if (const auto waiting = waiting_.extract(pending.picture.hash)) {
        done_ += std::ssize(waiting.mapped());
        pending.changes.insert(pending.changes.end(), waiting.mapped().begin(), waiting.mapped().end());
      }
      for (const std::size_t change : pending.changes) pending.picture.files.push_back(*to_read_[change]);
      pictures.push_back(std::move(pending.picture));
    }
    library_.store(model_, pictures);
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (!pictures[i].vector.empty()) pipeline_->settle(pictures[i].hash);
      for (const std::size_t change : pending_[i].changes) count(changes_[change], pending_[i].content);
    }
    pending_.clear();
  }

  void count(Change& change, ContentId content) {
    change.fate = Change::Fate::stored;
    if (!change.known || !change.known->has_vector) {
      ++result_.added;
    } else if (change.known->content == content) {
      ++result_.unchanged;
    } else {
      ++result_.updated;
    }
  }

  // One file failed, and with it those of the same content. The hash is all zeros where the file was not read.
  void fail(const ContentHash& hash, std::size_t file, ErrorCode code, const std::string& text) {
    const Failure failure{code, name_of(file), text};
    fail_alike(file, failure);
    if (hash == ContentHash{}) return;
    failed_contents_.emplace(hash, failure);
    if (const auto waiting = waiting_.extract(hash)) {
      for (const std::size_t other : waiting.mapped()) fail_alike(other, failure);
    }
  }

  struct Failure {
    ErrorCode code;
    std::string name;  // as in the text
    std::string text;
  };

  void fail_alike(std::size_t file, const Failure& failure) {
    const bool is_the_files = failure.code == ErrorCode::bad_image || failure.code == ErrorCode::image_too_large ||
                              failure.code == ErrorCode::limit_exceeded;
    changes_[file].fate = is_the_files ? Change::Fate::no_picture : Change::Fate::unreadable;
    std::string text = failure.text;
    if (text.starts_with(failure.name)) text.replace(0, failure.name.size(), name_of(file));
    failed_.emplace(file, FailedInput{given_name(*to_read_[file]), failure.code, text});
    ++done_;
  }

  // Pictures of the library below the named folders whose files are gone or have become something else. A file that the
  // walk leaves out (hidden, behind a link) but that is there stays.
  void forget_missing() {
    std::vector<std::int64_t> gone;
    for (const fs::path& root : walked_.roots) {
      for (const StoredPicture& picture : library_.pictures_under(root)) {
        cancel_.check();
        if (is_gone(picture.path)) gone.push_back(picture.id);
      }
    }
    std::sort(gone.begin(), gone.end());
    gone.erase(std::unique(gone.begin(), gone.end()), gone.end());
    library_.remove(gone);
    result_.removed = std::ssize(gone);
  }

  bool is_gone(const std::string& path) const {
    const auto before = [](const PictureFile& file, const std::string& name) { return file.path < name; };
    const auto file = std::lower_bound(walked_.files.begin(), walked_.files.end(), path, before);
    if (file == walked_.files.end() || file->path != path) return is_missing(path);
    const auto index = static_cast<std::size_t>(file - walked_.files.begin());
    const auto change = std::lower_bound(changes_.begin(), changes_.end(), index,
                                         [](const Change& one, std::size_t wanted) { return one.file < wanted; });
    return change != changes_.end() && change->file == index && change->fate == Change::Fate::no_picture;
  }

  void finish() {
    result_.failed = std::move(walked_.failed);
    for (auto& [file, failed] : failed_) result_.failed.push_back(std::move(failed));
    result_.seconds = seconds_since(start_);
    if (result_.seconds > 0) {
      result_.images_per_second = static_cast<double>(result_.added + result_.updated) / result_.seconds;
    }
  }

  void report(Clock::duration pause) {
    if (!options_.progress || Clock::now() - last_report_ < pause) return;
    last_report_ = Clock::now();
    IndexProgress progress{.done = done_, .total = std::ssize(to_read_), .failed = std::ssize(failed_)};
    progress.images_per_second = static_cast<double>(done_) / std::max(seconds_since(start_), 1e-3);
    if (done_ > 0) {
      progress.seconds_left = static_cast<double>(progress.total - done_) / progress.images_per_second;
    }
    options_.progress(progress);
  }

  static const std::string& given_name(const PictureFile& file) { return file.given.empty() ? file.path : file.given; }
  std::string name_of(std::size_t file) const { return display(given_name(*to_read_[file])); }

  Library& library_;
  const DualEncoder& encoder_;
  const ModelKey& key_;
  const IndexedModel model_;
  const IndexOptions& options_;
  const CancelToken& cancel_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_commit_ = start_, last_report_ = start_;
  IndexResult result_;

  WalkedFolders walked_;
  std::vector<Change> changes_;              // sorted by file
  std::vector<const PictureFile*> to_read_;  // the files of changes_
  std::vector<ReadyPicture> batch_;
  Tensor pixels_;  // of a whole batch, made once
  std::vector<Pending> pending_;
  std::unordered_map<ContentHash, std::vector<std::size_t>, ContentHashHasher> waiting_;  // changes by content
  std::unordered_map<ContentHash, Failure, ContentHashHasher> failed_contents_;
  std::map<std::size_t, FailedInput> failed_;  // by change
  std::int64_t done_ = 0;
  std::optional<PicturePipeline> pipeline_;  // last: its threads see the members above
};

}  // namespace

IndexResult index_pictures(Library& library, const DualEncoder& encoder, const ModelKey& model,
                           std::span<const fs::path> named, const IndexOptions& options, const CancelToken& cancel) {
  return Indexer(library, encoder, model, options, cancel).run(named);
}

}  // namespace gaze
