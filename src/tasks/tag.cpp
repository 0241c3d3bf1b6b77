#include "tasks/tag.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/message.h"
#include "tasks/embed.h"
#include "tasks/everyday_words.h"
#include "tasks/match.h"
#include "tasks/named_pictures.h"
#include "tasks/picture_pipeline.h"
#include "tasks/word_list.h"

namespace gaze {
namespace {

constexpr std::size_t kBatch = 16;  // pictures that are read, then looked at, at a time
constexpr double kSure = 0.5;
// How many standard deviations of the everyday words' logits "none" stands above their mean: measured
// (docs/tagging.md).
constexpr double kNoneAbove = 2.0;
constexpr std::string_view kPlace = "{}";

double sigmoid_of(double logit) {
  return 1 / (1 + std::exp(-logit));
}

std::string filled(const std::string& form, const std::string& label) {
  std::string text = form;
  for (std::size_t at = 0; (at = text.find(kPlace, at)) != std::string::npos; at += label.size()) {
    text.replace(at, kPlace.size(), label);
  }
  return text;
}

std::string own_form(const std::string& label) {
  return has_chinese(label) ? "一张{}的照片" : "a photo of a {}";
}

// The everyday words in the language that the labels are in.
std::vector<std::string> everyday_texts(std::span<const std::string> labels, const std::string& form) {
  const bool chinese = std::ranges::any_of(labels, has_chinese);
  std::vector<std::string> words;
  for (const EverydayWord& word : kEverydayWords) words.emplace_back(chinese ? word.chinese : word.english);
  return label_texts(words, form);
}

// A model with its texts, ready for pictures.
class Tagger {
 public:
  Tagger(const DualEncoder& encoder, const TagOptions& options, const CancelToken& cancel)
      : encoder_(encoder), labels_(embed_texts(encoder, label_texts(options.labels, options.form), false, cancel)) {
    if (!encoder.info().sigmoid) {
      everyday_ = embed_texts(encoder, everyday_texts(options.labels, options.form), false, cancel);
    }
  }

  Tags tags(std::span<const float> picture) const {
    return tags_of(logits(labels_, picture), logits(everyday_, picture), encoder_.info().sigmoid);
  }

 private:
  std::vector<double> logits(const Tensor& texts, std::span<const float> picture) const {
    std::vector<double> logits;
    for (std::int64_t row = 0; texts.defined() && row < texts.size(0); ++row) {
      const auto text = texts.rows(row, row + 1).values<float>();
      const double cosine = std::inner_product(text.begin(), text.end(), picture.begin(), 0.0);
      logits.push_back(cosine * encoder_.info().logit_scale + encoder_.info().logit_bias);
    }
    return logits;
  }

  const DualEncoder& encoder_;
  Tensor labels_, everyday_;
};

// The files to look at; what is none of them is counted or failed.
std::vector<NamedPicture> to_tag(std::span<const std::filesystem::path> named, const TagOptions& options,
                                 const CancelToken& cancel, TagResult& result) {
  std::vector<NamedPicture> pictures;
  for (NamedPicture& picture : gather_pictures(named, options.follow_links, cancel, result.failed)) {
    if (picture.fault) {
      result.failed.push_back({picture.image, picture.fault->code(), picture.fault->message()});
    } else if (!picture.named && !is_picture_file(picture.path())) {
      ++result.skipped;
    } else {
      pictures.push_back(std::move(picture));
    }
  }
  return pictures;
}

}  // namespace

std::vector<std::string> parse_labels(const std::string& list_or_file) {
  std::vector<std::string> labels = parse_list(list_or_file);
  if (labels.empty()) {
    throw Error(ErrorCode::usage, message("--labels needs one or more"), message("for example: --labels cat,dog"));
  }
  return labels;
}

std::vector<std::string> label_texts(std::span<const std::string> labels, const std::string& form) {
  if (!form.empty() && form.find(kPlace) == std::string::npos) {
    throw Error(ErrorCode::usage, message("--form \"{}\" has no {{}} in it, where the label goes", form),
                message("for example: --form \"a sketch of a {{}}\""));
  }
  std::vector<std::string> texts;
  for (const std::string& label : labels) texts.push_back(filled(form.empty() ? own_form(label) : form, label));
  return texts;
}

Tags tags_of(std::span<const double> labels, std::span<const double> everyday, bool sigmoid) {
  Tags tags;
  if (sigmoid) {
    tags.none = 1;
    for (const double logit : labels) {
      tags.probabilities.push_back(sigmoid_of(logit));
      tags.none *= sigmoid_of(-logit);
    }
    return tags;
  }
  const auto count = static_cast<double>(everyday.size());
  const double mean = std::accumulate(everyday.begin(), everyday.end(), 0.0) / count;
  double variance = 0;
  for (const double logit : everyday) variance += (logit - mean) * (logit - mean) / count;
  // As likely beforehand as all labels together, however many there are.
  const double prior = std::log(static_cast<double>(labels.size()));
  const double none = mean + kNoneAbove * std::sqrt(variance) + prior;

  const double most = std::max(none, *std::ranges::max_element(labels));
  double sum = tags.none = std::exp(none - most);
  for (const double logit : labels) sum += tags.probabilities.emplace_back(std::exp(logit - most));
  for (double& probability : tags.probabilities) probability /= sum;
  tags.none /= sum;
  return tags;
}

TagResult tag_pictures(const DualEncoder& encoder, std::span<const std::filesystem::path> named,
                       const Bytes& standard_input, const TagOptions& options, const CancelToken& cancel) {
  TagResult result;
  const Tagger tagger(encoder, options, cancel);
  const std::vector<NamedPicture> pictures = to_tag(named, options, cancel, result);
  for (std::size_t begin = 0; begin < pictures.size(); begin += kBatch) {
    if (options.progress) options.progress(begin, pictures.size());
    const auto batch = std::span(pictures).subspan(begin, std::min(kBatch, pictures.size() - begin));
    std::vector<std::filesystem::path> images;
    for (const NamedPicture& picture : batch) images.push_back(picture.image);
    PictureVectors read = embed_pictures(encoder, images, standard_input, options.pictures, cancel, [](std::size_t) {});
    for (std::size_t i = 0; i < read.paths.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      result.pictures.push_back(
          {std::move(read.paths[i]), tagger.tags(read.vectors.rows(row, row + 1).values<float>())});
      if (options.on_tags) options.on_tags(result.pictures.back());
    }
    std::move(read.failed.begin(), read.failed.end(), std::back_inserter(result.failed));
  }
  cancel.check();
  return result;
}

bool is_unsure(const Tags& tags) {
  return tags.none < kSure &&
         std::ranges::none_of(tags.probabilities, [](double probability) { return probability >= kSure; });
}

}  // namespace gaze
