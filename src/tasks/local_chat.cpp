#include "tasks/local_chat.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/message.h"
#include "generate/choices.h"
#include "generate/generate.h"
#include "generate/json_schema.h"
#include "generate/token_constraint.h"
#include "models/chat_models.h"
#include "tasks/choices.h"
#include "tasks/doctor.h"
#include "tasks/explain.h"
#include "tasks/kept_beginnings.h"
#include "tasks/pictures.h"
#include "tasks/seen_pictures.h"
#include "tasks/talk_needs.h"
#include "tasks/vision_cache.h"
#include "tasks/weights_identity.h"
#include "text/stop_text.h"
#include "text/stream_decoder.h"
#include "text/token_bytes.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kDefaultTokens = 100;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

GenerationConfig config_for(const llama::ChatModel& model, const AnswerOptions& options, std::size_t prompt) {
  GenerationConfig config = model.generation_defaults();
  config.max_length = static_cast<int>(prompt) + options.max_tokens.value_or(kDefaultTokens);
  config.num_beams = options.beams.value_or(1);
  config.early_stopping = EarlyStopping::no;
  if (options.min_length) config.min_length = static_cast<int>(prompt) + *options.min_length;
  if (options.repetition_penalty) config.repetition_penalty = static_cast<float>(*options.repetition_penalty);
  config.temperature = static_cast<float>(options.temperature.value_or(0));
  config.top_p = static_cast<float>(options.top_p.value_or(1));
  config.top_k = options.top_k.value_or(0);
  if (options.seed) config.seed = static_cast<std::uint64_t>(*options.seed);
  validate(config);
  return config;
}

// How long a conversation may be: positions that fit into memory, by what their keys and values are kept as.
struct Room {
  KvCacheType kept = KvCacheType::automatic;
  std::int64_t positions = 0;  // kept so
  std::int64_t in_int8 = 0;
  bool turns = false;  // to int8, where the others do not suffice

  std::int64_t most() const { return turns ? std::max(positions, in_int8) : positions; }
};

class LocalChat final : public VisualChat {
 public:
  // `read`: where beginnings are kept.
  LocalChat(std::string name, std::unique_ptr<const llama::ChatModel> model, std::optional<VisionCache> cache,
            std::optional<VisionCache> read, const Room& room)
      : name_(std::move(name)), model_(std::move(model)), room_(room) {
    if (read) beginnings_.emplace(*std::move(read), picture_token());
    if (model_->pictures()) looker_.emplace(*model_, std::move(cache));
  }

  const std::string& model() const override { return name_; }

  VisualAnswer ask(const ChatTurn& turn, const AnswerOptions& options, const CancelToken& cancel,
                   const AnswerSink& on_text) override {
    refuse_unknown(turn, options);
    std::vector<ChatLine> lines = lines_;
    if (lines.empty() && !options.system.empty()) lines.push_back({ChatRole::system, options.system});
    lines.push_back({ChatRole::user, turn.text, static_cast<int>(turn.inputs.size())});
    std::vector<TokenId> prompt = options.raw_prompt
                                      ? raw_prompt(turn.text)
                                      : model_->chat_template().encode(lines, model_->tokenizer(), picture_token());
    check_length(std::ssize(prompt));  // before minutes go into pictures

    VisualAnswer answer;
    std::vector<SeenPicture> shown = options.raw_prompt ? std::vector<SeenPicture>() : shown_;
    std::vector<Bytes> files;
    const Clock::time_point looking = Clock::now();
    for (const std::string& input : turn.inputs) {
      files.push_back(read(input, cancel));
      shown.push_back(looker_->look_at(files.back(), display(input), options.exif_rotation, shown));
      check_length(count_vectors(shown));
      if (options.explain.empty()) files.clear();
    }
    if (!turn.inputs.empty()) answer.vision_ms = milliseconds_since(looking);
    if (model_->pictures()) prompt = with_pictures(prompt, picture_token(), shown);
    check_prompt(prompt);
    answer.image_tokens = std::ranges::count(prompt, picture_token());
    answer.prompt_tokens = static_cast<std::int64_t>(prompt.size());
    const bool begins = lines_.empty();
    const auto remember = [&] {
      lines.push_back({ChatRole::assistant, answer.text});
      lines_ = std::move(lines);
      shown_ = std::move(shown);
    };
    try {
      if (options.choices.empty()) {
        speak(prompt, shown, options, cancel, on_text, answer);
      } else {
        choose(prompt, options.choices, options.raw_prompt ? std::span<const ChatLine>() : lines, shown, cancel,
               answer);
        if (on_text) on_text(answer.text);
      }
      if (!options.explain.empty()) explain(prompt, files, turn, options, shown, answer);
    } catch (const Error&) {
      decoder_.reset();
      if (!answer.ids.empty()) remember();
      throw;
    }
    if (begins && beginnings_ && !began_as_kept_) beginnings_->keep(prompt, shown, *decoder_);
    remember();
    return answer;
  }

  void reset() override {
    lines_.clear();
    shown_.clear();
    decoder_.reset();
  }

 private:
  void refuse_unknown(const ChatTurn& turn, const AnswerOptions& options) const {
    if (!turn.inputs.empty() && !model_->pictures()) {
      throw Error(ErrorCode::usage, message("{} reads text only, no pictures", name_),
                  message("leave the pictures out, or choose a model that looks at them"));
    }
    if (!options.explain.empty() && turn.inputs.empty()) {
      throw Error(ErrorCode::usage, message("--explain shows on a picture where the answer looked, and there is none"));
    }
    if (options.schema) automaton_of_schema(*options.schema);  // its faults before any work
    if (!options.detail.empty()) {
      throw Error(ErrorCode::usage, message("local models do not take --detail"),
                  message("leave it out, or choose a remote model"));
    }
  }

  TokenId picture_token() const { return model_->pictures() ? model_->pictures()->picture_token() : -1; }

  // The text is the whole prompt. A vocabulary without a mark for pictures (Vicuna's) has none within words either: the
  // text is cut where it stands.
  std::vector<TokenId> raw_prompt(std::string_view text) const {
    const Tokenizer& tokenizer = model_->tokenizer();
    constexpr std::string_view kMark = "<image>";
    if (!model_->pictures() || tokenizer.is_special(tokenizer.id(kMark)))
      return tokenizer.encode(text, {.parse_special = true});
    std::vector<TokenId> ids;
    for (bool first = true;; first = false) {
      const std::size_t mark = text.find(kMark);
      const auto more = tokenizer.encode(text.substr(0, mark), {.add_special_tokens = first, .parse_special = true});
      ids.insert(ids.end(), more.begin(), more.end());
      if (mark == std::string_view::npos) return ids;
      ids.push_back(picture_token());
      text.remove_prefix(mark + kMark.size());
    }
  }

  // Token by token.
  void speak(const std::vector<TokenId>& prompt, std::span<const SeenPicture> shown, const AnswerOptions& options,
             const CancelToken& cancel, const AnswerSink& on_text, VisualAnswer& answer) {
    GenerationConfig config = config_for(*model_, options, prompt.size());
    config.max_length = std::min<int>(config.max_length, static_cast<int>(most_positions()));
    make_decoder(config.max_length, prompt, shown, cancel);

    std::optional<TokenConstraint> constraint = constraint_of(options, config, prompt.size());
    StreamDecoder text(model_->tokenizer());
    StopText kept(options.stops);
    const auto add = [&](const std::string& more) {
      answer.text += more;
      if (on_text && !more.empty()) on_text(more);
    };
    const Clock::time_point start = Clock::now();
    std::optional<Clock::time_point> first;
    GenerateHooks hooks{.cancel = &cancel};
    if (config.num_beams == 1) {
      hooks.on_token = [&](std::size_t, TokenId token) {
        if (!first) {
          first = Clock::now();
          answer.prefill_ms = milliseconds_since(start);
        }
        answer.ids.push_back(token);
        std::string more = text.push(token);
        if (constraint && answer.text.empty() && more.starts_with(' ')) more.erase(0, 1);
        add(kept.push(more));
        return (!constraint || constraint->take(token)) && !kept.stopped();
      };
    }
    if (constraint) {
      hooks.restrict_scores = [&](std::size_t, std::span<float> scores) { constraint->restrict_scores(scores); };
    }
    const std::vector<std::vector<TokenId>> prompts{prompt};
    const Generation result = generate(*decoder_, prompts, config, hooks)[0][0];
    if (config.num_beams > 1) {
      for (const TokenId token : result.ids) add(kept.push(text.push(token)));
    }
    add(kept.push(text.finish()));
    add(kept.finish());
    answer.ids.assign(result.ids.begin(), result.ids.end());
    answer.completion_tokens = static_cast<std::int64_t>(result.ids.size());
    const bool whole = constraint ? !constraint->was_cut() : result.finished || kept.stopped();
    answer.finish_reason = whole ? "stop" : "length";
    if (first) answer.decode_ms = milliseconds_since(*first);
  }

  // The likeliest choice, and how likely each is. `lines`: the conversation up to the question; none: the prompt is
  // raw.
  void choose(const std::vector<TokenId>& prompt, const std::vector<std::string>& choices,
              std::span<const ChatLine> lines, std::span<const SeenPicture> shown, const CancelToken& cancel,
              VisualAnswer& answer) {
    std::vector<std::vector<TokenId>> ids;
    std::size_t longest = 0;
    for (const std::string& choice : choices) {
      ids.push_back(choice_ids(choice, lines));
      longest = std::max(longest, ids.back().size());
    }
    const std::int64_t most = most_positions();
    if (std::ssize(prompt) + static_cast<std::int64_t>(longest) > most) {
      throw Error(ErrorCode::usage,
                  message("the prompt has {} tokens and the longest choice {}; the model reads at most {}",
                          prompt.size(), longest, most),
                  message("shorten the question, or begin a new conversation"));
    }
    std::vector<TokenId> ends = model_->generation_defaults().eos_token_ids;
    std::erase_if(ends, [&](TokenId id) { return id < 0 || id >= model_->config().vocab_size; });
    make_decoder(static_cast<int>(prompt.size() + longest), prompt, shown, cancel);

    const Clock::time_point start = Clock::now();
    rank(choices, ids, score_choices(*decoder_, prompt, ids, ends, &cancel), ends, answer);
    answer.prefill_ms = milliseconds_since(start);
  }

  // What keeps the answer within a schema, if one was given.
  std::optional<TokenConstraint> constraint_of(const AnswerOptions& options, const GenerationConfig& config,
                                               std::size_t prompt) const {
    if (!options.schema) return {};
    if (config.num_beams > 1 || options.min_length || !options.stops.empty()) {
      throw Error(ErrorCode::usage, message("--json-schema does not go with --beams, --min-length or --stop"));
    }
    std::vector<std::string> tokens = bytes_of_tokens(model_->tokenizer());
    tokens.resize(static_cast<std::size_t>(model_->config().vocab_size));  // the model may have fewer, or spare ones
    std::vector<TokenId> ends = config.eos_token_ids;
    std::erase_if(ends, [&](TokenId id) { return id < 0 || id >= model_->config().vocab_size; });
    for (const TokenId end : ends) tokens[static_cast<std::size_t>(end)].clear();
    TokenConstraint constraint(automaton_of_schema(*options.schema), std::move(tokens), std::move(ends));
    constraint.start(config.max_length - static_cast<int>(prompt));
    return constraint;
  }

  // Reads prompt and answer once more and draws how much the words of the answer look at each part of the pictures: the
  // attention of the positions they were found from, mean over tokens, heads and layers.
  void explain(const std::vector<TokenId>& prompt, std::span<const Bytes> files, const ChatTurn& turn,
               const AnswerOptions& options, std::span<const SeenPicture> shown, VisualAnswer& answer) {
    std::vector<TokenId> sequence = prompt;
    for (std::size_t i = 0; i + 1 < answer.ids.size(); ++i) sequence.push_back(static_cast<TokenId>(answer.ids[i]));
    decoder_->start(std::span(&sequence, 1));
    const Tensor attention = decoder_->attention(std::ssize(prompt) - 1);
    const std::int64_t rows = attention.size(0), length = attention.size(1);
    std::vector<float> to_vectors;
    for (std::int64_t p = 0; p < std::ssize(prompt); ++p) {
      if (prompt[static_cast<std::size_t>(p)] != picture_token()) continue;
      float sum = 0;
      for (std::int64_t i = 0; i < rows; ++i) sum += attention.data<float>()[i * length + p];
      to_vectors.push_back(sum / static_cast<float>(rows));
    }
    std::size_t next = 0;
    const std::size_t before = shown.size() - files.size();
    next += static_cast<std::size_t>(count_vectors(shown.first(before)));
    answer.attention.assign(to_vectors.begin() + static_cast<std::ptrdiff_t>(next), to_vectors.end());

    std::vector<LookedAt> looked;
    for (std::size_t i = 0; i < files.size(); ++i) {
      LookedAt one{decode_image(files[i], display(turn.inputs[i]), {.exif_rotation = options.exif_rotation}), {}};
      const std::vector<Region> places =
          model_->pictures()->places(shown[before + i].picture, one.picture.width, one.picture.height);
      if (places.empty()) {
        throw Error(ErrorCode::unsupported_model, message("{} does not tell which parts of a picture it saw", name_),
                    message("leave --explain out"));
      }
      for (const Region& region : places) one.spots.push_back({region, to_vectors[next++]});
      looked.push_back(std::move(one));
    }
    draw_explanation(options.explain, looked, answer.text);
  }

  // A choice as it would stand in the conversation, without its end; where the form does not tell, the text alone.
  std::vector<TokenId> choice_ids(const std::string& choice, std::span<const ChatLine> lines) const {
    const Tokenizer& tokenizer = model_->tokenizer();
    std::vector<TokenId> ids = tokenizer.encode(choice, {.add_special_tokens = false});
    if (!lines.empty()) {
      std::vector<ChatLine> answered(lines.begin(), lines.end());
      const std::vector<TokenId> before = model_->chat_template().encode(answered, tokenizer, picture_token());
      answered.push_back({ChatRole::assistant, choice});
      const std::vector<TokenId> after = model_->chat_template().encode(answered, tokenizer, picture_token());
      const std::vector<TokenId>& ends = model_->generation_defaults().eos_token_ids;
      const bool goes_on = after.size() > before.size() && std::equal(before.begin(), before.end(), after.begin());
      const auto from = after.begin() + (goes_on ? std::ssize(before) : 0);
      const auto end = std::find_first_of(from, after.end(), ends.begin(), ends.end());
      if (goes_on && end != after.end() && end != from) ids.assign(from, end);
    }
    const TokenId most = model_->config().vocab_size;
    if (ids.empty() || std::ranges::any_of(ids, [&](TokenId id) { return id >= most; })) {
      throw Error(ErrorCode::usage, message("the model has no tokens for the choice \"{}\"", choice));
    }
    return ids;
  }

  static Bytes read(const std::string& input, const CancelToken& cancel) {
    if (input.starts_with("http://") || input.starts_with("https://")) {
      throw Error(ErrorCode::usage, message("{}: only remote models look at addresses", input),
                  message("download the picture first"));
    }
    Bytes file = read_picture(input, cancel);
    cancel.check();
    return file;
  }

  std::int64_t most_positions() const {
    return std::min<std::int64_t>(model_->config().max_position_embeddings, room_.most());
  }

  // Errors: usage (the model reads no more), out_of_memory.
  void check_length(std::int64_t length) const {
    const int most = model_->config().max_position_embeddings;
    if (length >= most) {
      throw Error(ErrorCode::usage, message("the prompt has {} tokens; the model reads at most {}", length, most - 1),
                  message("shorten the question, or begin a new conversation"));
    }
    if (length >= room_.most()) {
      throw Error(ErrorCode::out_of_memory,
                  message("the prompt has {} tokens; this process' memory suffices for {}", length, room_.most() - 1),
                  length < room_.in_int8 ? message("with --kv-cache int8 it suffices for {}", room_.in_int8 - 1)
                                         : message("shorten the question, or begin a new conversation"));
    }
  }

  void check_prompt(const std::vector<TokenId>& prompt) const {
    check_length(std::ssize(prompt));
    if (prompt.empty()) throw Error(ErrorCode::usage, message("the prompt has no tokens"));
    TokenId last = 0;
    for (const TokenId id : prompt) last = id == picture_token() ? last : std::max(last, id);
    if (last >= model_->config().vocab_size) {
      throw Error(ErrorCode::bad_weights, message("the tokenizer has token {}, but the model knows only {}", last,
                                                  model_->config().vocab_size));
    }
  }

  // The decoder of the turn before knows the conversation's beginning: a larger one starts over, from what an earlier
  // conversation kept of it, if one did.
  void make_decoder(int capacity, const std::vector<TokenId>& prompt, std::span<const SeenPicture> shown,
                    const CancelToken& cancel) {
    const bool is_new = !decoder_ || decoder_->max_positions() < capacity;
    if (is_new) {
      const bool turned = room_.turns && capacity > room_.positions;
      const std::int64_t most = turned ? room_.in_int8 : room_.positions;
      if (turned && !said_turned_) {
        log_note(
            message("keys and values are kept in int8: in bf16 memory suffices for {} tokens, not for {} "
                    "(--kv-cache)",
                    std::max<std::int64_t>(room_.positions, 0), capacity));
        said_turned_ = true;
      }
      decoder_ = model_->decoder(std::min<std::int64_t>(most, std::max(2 * capacity, 1024)),
                                 turned ? KvCacheType::int8 : room_.kept);
    }
    decoder_->set_cancel(&cancel);
    if (model_->pictures()) decoder_->set_pictures(vectors_of(shown, picture_token(), model_->config().hidden_size));
    if (is_new) began_as_kept_ = beginnings_ && beginnings_->begin(prompt, shown, *decoder_);
  }

  std::string name_;
  std::unique_ptr<const llama::ChatModel> model_;
  Room room_;
  bool said_turned_ = false;
  std::optional<PictureLooker> looker_;  // of a model with eyes
  std::vector<ChatLine> lines_;
  std::vector<SeenPicture> shown_;  // all pictures of the lines, in their order
  std::unique_ptr<llama::TextDecoder> decoder_;
  std::optional<KeptBeginnings> beginnings_;
  bool began_as_kept_ = false;  // the decoder
};

// How long a conversation may be, before minutes go into loading what memory cannot hold.
// Errors: out_of_memory.
Room check_memory(const fs::path& path, const LocalChatOptions& options) {
  const std::int64_t present = options.memory_bytes > 0 ? options.memory_bytes : examine_machine().memory_bytes;
  const TalkNeeds needs = needs_to_talk(path, options.eyes, options.precision, options.kept);
  const Room room{.kept = options.kept,
                  .positions = needs.positions_in(present),
                  .in_int8 = needs.in_int8().positions_in(present),
                  .turns = options.kept == KvCacheType::automatic && options.precision != Precision::f32};
  if (room.most() >= std::min(kShortTalk, needs.most_positions)) return room;
  throw Error(ErrorCode::out_of_memory,
              message("{}: to answer takes {} MiB, and this process may use {} MiB of memory", display(path),
                      needs.bytes(kLongTalk) / MiB, present / MiB),
              what_would_fit(needs, display(path), present));
}

}  // namespace

std::unique_ptr<VisualChat> open_local_chat(const fs::path& path, std::string name, const LocalChatOptions& options) {
  const Room room = check_memory(path, options);
  auto model = load_chat_model(path, options.precision, options.eyes);
  std::optional<VisionCache> cache, read;
  if (model->pictures() && !options.vision_cache.empty()) {
    // What is seen in a picture hangs, of a GGUF file, on its eyes alone; a folder holds what is between its tower and
    // its words.
    const std::string eyes = options.eyes.empty() ? "" : weights_identity(options.eyes);
    const std::string own = weights_identity(path), precision = std::to_string(static_cast<int>(options.precision));
    cache.emplace(options.vision_cache,
                  fmt::format("{}{} {}", eyes, eyes.empty() || !llama::is_gguf(path) ? own : "", precision));
    if (options.keeps_beginnings) read.emplace(options.vision_cache, fmt::format("{}{} {}", eyes, own, precision));
  }
  return std::make_unique<LocalChat>(std::move(name), std::move(model), std::move(cache), std::move(read), room);
}

bool is_local_chat(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return llama::is_gguf(path);
  if (!fs::is_regular_file(path / "config.json", ignored)) return false;
  return is_chat_model(read_json_file(path / "config.json"));
}

}  // namespace gaze
