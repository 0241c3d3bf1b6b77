#include "tasks/remote_chat.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <system_error>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/message.h"
#include "providers/media_type.h"
#include "providers/remote_many.h"
#include "providers/url.h"
#include "tasks/pictures.h"

namespace gaze {
namespace {

constexpr int kAtOnce = 8;
constexpr std::int64_t kBytesOfAToken =
    3;  // what came of a broken answer is counted in bytes; tokens have about so many

bool is_web_address(const std::string& input) {
  return input.starts_with("http://") || input.starts_with("https://");
}

// Errors that the next picture would meet as well.
bool ends_the_run(ErrorCode code) {
  return code == ErrorCode::unauthorized || code == ErrorCode::model_not_found || code == ErrorCode::limit_exceeded ||
         code == ErrorCode::cancelled;
}

Part make_part(const RemoteModel& model, const std::string& input, const std::string& detail,
               const CancelToken& cancel) {
  if (is_web_address(input)) return PictureUrlPart{input};
  const PictureRules rules = model.picture_rules(detail);
  if (input == "-") {
    const Bytes bytes = read_standard_input(limits().image_file_bytes, cancel);
    return PicturePart{prepare_picture(bytes, message("standard input"), rules)};
  }
  const std::string type = media_mime_type(input);
  if (!type.empty()) return FilePart{input, type};
  return PicturePart{prepare_picture(std::filesystem::path(input), rules)};
}

// A file that is uploaded first stands in the request by its name alone: its answer is not kept.
bool is_by_content(const ChatRequest& request) {
  for (const ChatMessage& message : request.messages) {
    for (const Part& part : message.parts) {
      if (std::holds_alternative<FilePart>(part)) return false;
    }
  }
  return true;
}

// Calls the model and writes down what that cost; what came of an answer that did not end well is paid for, at least.
ChatAnswer send_on_account(const RemoteModel& model, const ChatRequest& request, SpendingAccount& account,
                           const CancelToken& cancel, const TextSink& on_text) {
  const std::string& name = model.spec().text;
  const Usage estimate = estimate_usage(request);
  const auto reservation = account.reserve(name, estimate);
  const auto write_down = [&](const Usage& usage) {
    try {
      account.record(name, usage);
    } catch (const Error& error) {  // the answer is paid for: it is not lost over this
      log_warning(error.message());
    }
  };
  std::int64_t came = 0;
  const TextSink counted = [&](std::string_view text) {
    came += static_cast<std::int64_t>(text.size());
    on_text(text);
  };
  try {
    ChatAnswer answer = model.chat(request, cancel, on_text ? counted : TextSink());
    write_down(answer.usage);
    return answer;
  } catch (const BrokenAnswer& broken) {
    const bool known = broken.so_far().usage.prompt_tokens > 0;
    write_down(known ? broken.so_far().usage : Usage{estimate.prompt_tokens, came / kBytesOfAToken + 1});
    throw;
  } catch (const Error&) {
    if (came > 0) write_down({estimate.prompt_tokens, came / kBytesOfAToken + 1});
    throw;
  }
}

ChatRequest request_about(const RemoteModel& model, const PictureRound& round, std::size_t index, ChatRequest request) {
  const PictureRules rules = model.picture_rules(round.options.detail);
  const std::string& name = round.pictures[index];
  PicturePart picture{name == "-" ? prepare_picture(*round.standard_input, message("standard input"), rules)
                                  : prepare_picture(std::filesystem::path(name), rules)};
  request.messages = {{Role::user, {TextPart{round.text}, std::move(picture)}}};
  return request;
}

class RemoteChat : public VisualChat {
 public:
  RemoteChat(const RemoteModel& model, const RemoteCare& care) : model_(model), care_(care) {}

  const std::string& model() const override { return model_.spec().text; }

  VisualAnswer ask(const ChatTurn& turn, const AnswerOptions& options, const CancelToken& cancel,
                   const AnswerSink& on_text) override {
    using Clock = std::chrono::steady_clock;
    const auto milliseconds = [](Clock::time_point from, Clock::time_point to) {
      return std::chrono::duration<double, std::milli>(to - from).count();
    };
    const Clock::time_point start = Clock::now();
    ChatRequest request = make_request(options);
    request.messages = said_;
    request.messages.push_back(make_message(model_, turn, options.detail, cancel));
    const Clock::time_point sent = Clock::now();
    Clock::time_point first = sent;
    std::string came;
    const TextSink watched = [&](std::string_view text) {
      if (came.empty()) first = Clock::now();
      came += text;
      on_text(text);
    };
    const bool streams = on_text && options.choices.empty();
    ChatAnswer answer;
    try {
      answer = send_with_care(model_, request, care_, cancel, streams ? watched : TextSink());
    } catch (const Error&) {
      if (!came.empty()) remember(request.messages.back(), came);
      throw;
    }
    VisualAnswer result;
    if (!options.choices.empty()) {
      answer.text = chosen(options.choices, answer.text);
      constexpr double kUntold = std::numeric_limits<double>::quiet_NaN();
      for (const std::string& each : options.choices) result.choices.push_back({each, kUntold, kUntold});
      log_note(message("{} does not say how sure it is", model()));
      if (on_text) on_text(answer.text);
    }
    remember(request.messages.back(), answer.text);
    const Clock::time_point end = Clock::now();
    result.text = std::move(answer.text);
    result.finish_reason = std::move(answer.finish_reason);
    result.prompt_tokens = answer.usage.prompt_tokens;
    result.completion_tokens = answer.usage.completion_tokens;
    result.vision_ms = milliseconds(start, sent);
    result.prefill_ms = milliseconds(sent, first);
    result.decode_ms = milliseconds(first, end);
    return result;
  }

  void reset() override { said_.clear(); }

 private:
  // The choice in {"answer": …}, or alone as servers answer that know no schemas.
  std::string chosen(const std::vector<std::string>& choices, const std::string& text) const {
    const Json json = Json::parse(text, nullptr, false);
    const bool framed = json.is_object() && json.contains("answer") && json["answer"].is_string();
    std::string answer = framed ? json["answer"].get<std::string>() : text;
    if (std::ranges::find(choices, answer) != choices.end()) return answer;
    throw Error(ErrorCode::invalid_json, message("{} answered \"{}\", which is none of the choices", model(), answer));
  }

  void remember(const ChatMessage& question, const std::string& answer) {
    said_.push_back(question);
    said_.push_back({Role::assistant, {TextPart{answer}}});
  }

  const RemoteModel& model_;
  const RemoteCare& care_;
  std::vector<ChatMessage> said_;
};

}  // namespace

ChatMessage make_message(const RemoteModel& model, const ChatTurn& turn, const std::string& detail,
                         const CancelToken& cancel) {
  ChatMessage message;
  message.parts.emplace_back(TextPart{turn.text});
  for (const std::string& input : turn.inputs) message.parts.push_back(make_part(model, input, detail, cancel));
  return message;
}

// {"answer": one of them}
OrderedJson schema_of(const std::vector<std::string>& choices) {
  OrderedJson schema{{"type", "object"}};
  schema["properties"]["answer"] = {{"type", "string"}, {"enum", choices}};
  schema["required"] = OrderedJson::array({"answer"});
  schema["additionalProperties"] = false;
  return schema;
}

ChatRequest make_request(const AnswerOptions& options) {
  for (const auto& [given, name] :
       {std::pair(options.beams.value_or(1) != 1, "--beams"),
        std::pair(options.min_length.value_or(0) != 0, "--min-length"), std::pair(options.raw_prompt, "--raw-prompt"),
        std::pair(!options.explain.empty(), "--explain")}) {
    if (given) {
      throw Error(ErrorCode::usage, message("remote models know no {}", name), message("leave the option out"));
    }
  }
  ChatRequest request;
  request.system = options.system;
  if (options.max_tokens) request.max_tokens = *options.max_tokens;
  request.temperature = options.temperature;
  request.top_p = options.top_p;
  request.top_k = options.top_k;
  request.seed = options.seed;
  request.repetition_penalty = options.repetition_penalty;
  request.detail = options.detail;
  request.stops = options.stops;
  if (options.schema) request.schema = AnswerSchema{"answer", *options.schema};
  if (!options.choices.empty()) request.schema = AnswerSchema{"answer", schema_of(options.choices)};
  return request;
}

Departure departure_of(const RemoteModel& model, const ChatRequest& request, const SpendingAccount* account) {
  Departure leaving{.host = Url(model.spec().base_url).host()};
  leaving.text_bytes = static_cast<std::int64_t>(request.system.size());
  for (const ChatMessage& message : request.messages) {
    for (const Part& part : message.parts) {
      if (const auto* text = std::get_if<TextPart>(&part)) {
        leaving.text_bytes += static_cast<std::int64_t>(text->text.size());
      } else if (const auto* picture = std::get_if<PicturePart>(&part)) {
        ++leaving.pictures;
        leaving.bytes += static_cast<std::int64_t>(picture->picture.file.size());
      } else if (const auto* file = std::get_if<FilePart>(&part)) {
        ++leaving.files;
        std::error_code ignored;
        const auto size = std::filesystem::file_size(file->path, ignored);
        if (!ignored) leaving.bytes += static_cast<std::int64_t>(size);
      } else {
        ++leaving.addresses;
      }
    }
  }
  if (account) {
    leaving.most_cost = account->cost(model.spec().text, estimate_usage(request));
    leaving.currency = account->currency();
  }
  return leaving;
}

OrderedJson describe_request(const RemoteModel& model, const ChatRequest& request, bool stream) {
  return describe(model.chat_request(request, stream));
}

ChatAnswer send_with_care(const RemoteModel& model, const ChatRequest& request, const RemoteCare& care,
                          const CancelToken& cancel, const TextSink& on_text) {
  const bool keeps = care.cache && is_by_content(request);
  const HttpRequest asked = keeps ? model.chat_request(request, false) : HttpRequest();
  if (keeps) {
    if (auto kept = care.cache->find(asked)) {
      if (care.on_kept_answer) care.on_kept_answer();
      if (on_text) on_text(kept->text);
      return *kept;
    }
  }
  if (care.on_departure) care.on_departure(departure_of(model, request, care.account));
  ChatAnswer answer = care.account ? send_on_account(model, request, *care.account, cancel, on_text)
                                   : model.chat(request, cancel, on_text);
  if (keeps) {
    try {
      care.cache->store(asked, answer);
    } catch (const Error& error) {
      log_warning(error.message());
    }
  }
  return answer;
}

void ask_of_each(const RemoteModel& model, const PictureRound& round, const RemoteCare& care,
                 const CancelToken& cancel) {
  const ChatRequest common = make_request(round.options);
  std::mutex mutex;
  run_at_once(round.pictures.size(), kAtOnce, cancel, [&](std::size_t index) {
    try {
      const ChatAnswer answer = send_with_care(model, request_about(model, round, index, common), care, cancel);
      const std::lock_guard lock(mutex);
      round.on_answer(index, answer);
    } catch (const Error& error) {
      if (ends_the_run(error.code())) throw;
      const std::lock_guard lock(mutex);
      round.on_failure(index, error);
    }
  });
}

OrderedJson describe_first(const RemoteModel& model, const PictureRound& round, const RemoteCare& care) {
  const ChatRequest common = make_request(round.options);
  for (std::size_t i = 0; i < round.pictures.size(); ++i) {
    try {
      const ChatRequest request = request_about(model, round, i, common);
      if (care.on_departure) care.on_departure(departure_of(model, request, care.account));
      return describe_request(model, request, false);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::bad_image || i + 1 == round.pictures.size()) throw;
    }
  }
  throw Error(ErrorCode::bad_image, message("there is no picture to send"));
}

std::unique_ptr<VisualChat> make_remote_chat(const RemoteModel& model, const RemoteCare& care) {
  return std::make_unique<RemoteChat>(model, care);
}

std::string caption_prompt(const std::string& language) {
  return language == "zh" ? "用一句话描述这张图片，只写这句话。"
                          : "Describe this picture in one short sentence. Write the sentence alone.";
}

}  // namespace gaze
