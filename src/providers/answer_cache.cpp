#include "providers/answer_cache.h"

#include <cstdlib>

#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/encoding.h"

namespace gaze {
namespace {

constexpr int kVersion = 1;

}  // namespace

std::filesystem::path AnswerCache::default_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path base =
      cache && *cache ? std::filesystem::path(cache) : std::filesystem::path(home ? home : "") / ".cache";
  return base / "gaze" / "answers";
}

std::filesystem::path AnswerCache::path_of(const HttpRequest& request) const {
  Digest digest(Digest::Kind::sha256);
  digest.update(request.method + '\n' + request.url + '\n');
  for (const BodyPiece& piece : request.body) {
    const auto* text = std::get_if<std::string>(&piece);
    if (!text) return {};
    digest.update(*text);
  }
  return folder_ / (digest.hex() + ".json");
}

std::optional<ChatAnswer> AnswerCache::find(const HttpRequest& request) const {
  const auto path = path_of(request);
  std::error_code fault;
  if (path.empty() || !std::filesystem::exists(path, fault)) return {};
  try {
    const Json json = read_json_file(path);
    if (count_at(json, "version") != kVersion || !json.contains("text")) return {};
    ChatAnswer answer;
    answer.text = text_at(json, "text");
    answer.finish_reason = text_at(json, "finish_reason");
    answer.usage = {count_at(json, "prompt_tokens"), count_at(json, "completion_tokens")};
    return answer;
  } catch (const Error&) {
    return {};
  }
}

void AnswerCache::store(const HttpRequest& request, const ChatAnswer& answer) const {
  const auto path = path_of(request);
  if (path.empty() || (answer.finish_reason != "stop" && answer.finish_reason != "length")) return;
  std::error_code fault;
  std::filesystem::create_directories(folder_, fault);
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, fault);
  const OrderedJson json{{"version", kVersion},
                         {"text", answer.text},
                         {"finish_reason", answer.finish_reason},
                         {"prompt_tokens", answer.usage.prompt_tokens},
                         {"completion_tokens", answer.usage.completion_tokens}};
  write_file_atomically(path, dump_json(json));
}

}  // namespace gaze
