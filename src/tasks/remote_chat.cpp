#include "tasks/remote_chat.h"

#include <map>
#include <mutex>

#include "base/file.h"
#include "base/message.h"
#include "providers/media_type.h"
#include "providers/remote_many.h"

namespace gaze {
namespace {

constexpr int kAtOnce = 8;

bool is_web_address(const std::string& input) {
  return input.starts_with("http://") || input.starts_with("https://");
}

// Errors that the next picture would meet as well.
bool ends_the_run(ErrorCode code) {
  return code == ErrorCode::unauthorized || code == ErrorCode::model_not_found || code == ErrorCode::limit_exceeded ||
         code == ErrorCode::cancelled;
}

}  // namespace

ChatRequest make_chat_request(const RemoteModel& model, const RemoteQuestion& question) {
  ChatRequest request = question.options;
  ChatMessage message;
  message.parts.push_back(TextPart{question.text});
  for (const std::string& input : question.inputs) {
    const std::string type = is_web_address(input) ? "" : media_mime_type(input);
    if (is_web_address(input)) {
      message.parts.push_back(PictureUrlPart{input});
    } else if (!type.empty()) {
      message.parts.push_back(FilePart{input, type});
    } else {
      message.parts.push_back(
          PicturePart{prepare_picture(std::filesystem::path(input), model.picture_rules(request.detail))});
    }
  }
  request.messages.push_back(std::move(message));
  return request;
}

OrderedJson describe_question(const RemoteModel& model, const RemoteQuestion& question) {
  return describe(model.chat_request(make_chat_request(model, question), false));
}

ChatAnswer ask_remote(const RemoteModel& model, const RemoteQuestion& question, const RemoteCare& care,
                      const CancelToken& cancel, const TextSink& on_text) {
  const ChatRequest request = make_chat_request(model, question);
  // A file that is uploaded first stands in the request by its name alone: its answer is not kept.
  bool by_content = true;
  for (const Part& part : request.messages.back().parts)
    by_content = by_content && !std::holds_alternative<FilePart>(part);
  const bool keeps = care.cache && by_content;
  const HttpRequest asked = keeps ? model.chat_request(request, false) : HttpRequest();
  if (keeps) {
    if (auto kept = care.cache->find(asked)) {
      if (on_text) on_text(kept->text);
      return *kept;
    }
  }
  const std::string& name = model.spec().text;
  const auto ask = [&] {
    if (!care.account) return model.chat(request, cancel, on_text);
    const auto reservation = care.account->reserve(name, estimate_usage(request));
    try {
      ChatAnswer answer = model.chat(request, cancel, on_text);
      care.account->record(name, answer.usage);
      return answer;
    } catch (const BrokenAnswer& broken) {  // what came is paid for, at least
      Usage usage = broken.so_far().usage;
      if (usage.prompt_tokens == 0)
        usage = {estimate_usage(request).prompt_tokens, static_cast<std::int64_t>(broken.so_far().text.size())};
      care.account->record(name, usage);
      throw;
    }
  };
  const ChatAnswer answer = ask();
  if (keeps) care.cache->store(asked, answer);
  return answer;
}

std::vector<FailedInput> ask_remote_of_each(
    const RemoteModel& model, std::span<const std::string> pictures, const RemoteQuestion& question,
    const RemoteCare& care, const CancelToken& cancel,
    const std::function<void(std::size_t picture, const ChatAnswer&)>& on_answer) {
  std::mutex mutex;
  std::map<std::size_t, FailedInput> failed;
  run_at_once(pictures.size(), kAtOnce, cancel, [&](std::size_t index) {
    RemoteQuestion mine = question;
    mine.inputs = {pictures[index]};
    try {
      const ChatAnswer answer = ask_remote(model, mine, care, cancel);
      const std::lock_guard lock(mutex);
      on_answer(index, answer);
    } catch (const Error& error) {
      if (ends_the_run(error.code())) throw;
      const std::lock_guard lock(mutex);
      failed[index] = {pictures[index], error.code(), error.message()};
    }
  });
  std::vector<FailedInput> in_order;
  in_order.reserve(failed.size());
  for (auto& [index, input] : failed) in_order.push_back(std::move(input));
  return in_order;
}

std::string caption_prompt(const std::string& language) {
  return language == "zh" ? "用一句话描述这张图片，只写这句话。"
                          : "Describe this picture in one short sentence. Write the sentence alone.";
}

}  // namespace gaze
