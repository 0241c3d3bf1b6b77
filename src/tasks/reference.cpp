#include "tasks/reference.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "generate/generate.h"
#include "providers/encoding.h"
#include "tasks/open_model.h"
#include "text/tokenizer.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

constexpr int kVersion = 1;
constexpr double kPixelTolerance = 1e-5;
constexpr double kLogitTolerance = 1e-3;  // relative, and absolute below 1

// One run of check_reference.
class ReferenceRun {
 public:
  ReferenceRun(const ModelEntry& entry, const CancelToken& cancel)
      : entry_(entry), cancel_(cancel), path_(entry.path / kReferenceName), reference_(read_json_file(path_)) {
    if (!reference_.is_object() || reference_.value("version", Json()) != kVersion) throw_damaged();
  }

  ReferenceChecks run() {
    try {
      check_tokens();
      check_dual_encoder();
      check_captions();
    } catch (const Json::exception&) {
      throw_damaged();
    }
    return checks_;
  }

 private:
  [[noreturn]] void throw_damaged() const {
    throw Error(ErrorCode::invalid_json, message("{}: not a reference that this gaze can read", display(path_)),
                message("docs/formats.md says what stands in it"));
  }

  [[noreturn]] void throw_differs(const std::string& what) const {
    throw Error(ErrorCode::bad_weights,
                message("{}: {} not what the reference has ({})", display(entry_.path), what, kReferenceName),
                message("get this model again; if it stays so, please report it"));
  }

  // Lists and objects that a reference may leave out.
  const Json& part(const char* name) const {
    static const Json none = Json::array();
    const auto found = reference_.find(name);
    return found == reference_.end() ? none : *found;
  }

  void check_tokens() {
    if (part("texts").empty()) return;
    const auto tokenizer = open_tokenizer(entry_.path);
    for (const Json& text : part("texts")) {
      cancel_.check();
      const auto ids = text.at("ids").get<std::vector<TokenId>>();
      if (tokenizer->encode(text.at("text").get<std::string>(), {}) != ids) {
        throw_differs(message("the tokens of \"{}\" are", text.at("text").get<std::string>()));
      }
      checks_.tokens += ids.size();
    }
  }

  // The reference's picture as the model receives it: float32 [1, 3, height, width].
  Tensor pixels(const ImageProcessor& processor) const {
    const Bytes picture = base64_decode(reference_.at("picture").get<std::string>(), display(path_));
    Tensor pixels = Tensor::empty({1, 3, processor.output_height(), processor.output_width()}, DType::f32);
    processor.process(picture, display(path_), {}, pixels.data<float>());
    return pixels;
  }

  // Every so many-th number of all.
  void check_pixels(const Tensor& pixels) {
    const Json& wanted = part("pixels");
    if (wanted.empty()) return;
    const auto every = wanted.at("every").get<std::size_t>();
    const auto values = wanted.at("values").get<std::vector<double>>();
    const auto found = pixels.values<float>();
    if (every == 0 || values.size() != (found.size() + every - 1) / every) throw_differs(message("the pixels are"));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!(std::abs(found[i * every] - values[i]) <= kPixelTolerance)) throw_differs(message("the pixels are"));
    }
    checks_.pixels += values.size();
  }

  // Of each text that has one, with the picture.
  void check_dual_encoder() {
    std::vector<std::vector<TokenId>> ids;
    std::vector<double> logits;
    for (const Json& text : part("texts")) {
      if (!text.contains("logit")) continue;
      ids.push_back(text.at("ids").get<std::vector<TokenId>>());
      logits.push_back(text.at("logit").get<double>());
    }
    if (ids.empty()) return;
    const auto encoder = open_dual_encoder(entry_, {.precision = Precision::f32});
    const Tensor prepared = pixels(encoder->image_processor());
    check_pixels(prepared);
    cancel_.check();
    const Tensor picture = encoder->encode_images(prepared), texts = encoder->encode_texts(ids);
    cancel_.check();
    const auto seen = picture.values<float>();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      const auto text = texts.rows(row, row + 1).values<float>();
      const double cosine = std::inner_product(text.begin(), text.end(), seen.begin(), 0.0);
      const double logit = cosine * encoder->info().logit_scale + encoder->info().logit_bias;
      if (!(std::abs(logit - logits[i]) <= kLogitTolerance * std::max(1.0, std::abs(logits[i])))) {
        throw_differs(message("a logit ({:.4f}, not {:.4f}) is", logit, logits[i]));
      }
      ++checks_.logits;
    }
  }

  // Said word by word, the likeliest each time.
  void check_captions() {
    if (part("captions").empty()) return;
    const auto captioner = open_captioner(entry_, Precision::f32);
    const Tensor prepared = pixels(captioner->image_processor());
    if (checks_.pixels == 0) check_pixels(prepared);
    const auto decoder = captioner->decoder(prepared);
    for (const Json& caption : part("captions")) {
      cancel_.check();
      const auto language = caption.at("language").get<std::string>();
      GenerationConfig config = captioner->generation_defaults(language);
      config.num_beams = config.num_return_sequences = 1;
      const std::vector<std::vector<TokenId>> prompts{captioner->start_tokens(language, "")};
      const auto ids = caption.at("ids").get<std::vector<TokenId>>();
      if (generate(*decoder, prompts, config, {.cancel = &cancel_}).front().front().ids != ids) {
        throw_differs(message("the words of a caption are"));
      }
      checks_.caption_tokens += ids.size();
    }
  }

  const ModelEntry& entry_;
  const CancelToken& cancel_;
  const fs::path path_;
  const Json reference_;
  ReferenceChecks checks_;
};

}  // namespace

std::optional<ReferenceChecks> check_reference(const ModelEntry& entry, const CancelToken& cancel) {
  std::error_code ignored;
  if (!fs::exists(entry.path / kReferenceName, ignored)) return {};
  return ReferenceRun(entry, cancel).run();
}

}  // namespace gaze
