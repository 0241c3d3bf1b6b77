// A model that runs on somebody else's machine: one interface for every service.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "providers/http.h"
#include "providers/model_spec.h"
#include "providers/picture_upload.h"
#include "providers/retry.h"

namespace gaze {

struct TextPart {
  std::string text;
};
struct PicturePart {
  PreparedPicture picture;
};
struct PictureUrlPart {  // the service fetches it
  std::string url;
};
struct FilePart {  // sound, video or PDF; read from disk while it is sent where the service takes uploads
  std::filesystem::path path;
  std::string mime_type;
};
using Part = std::variant<TextPart, PicturePart, PictureUrlPart, FilePart>;

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text, as the model wrote it
};

enum class Role { user, assistant, tool };

struct ChatMessage {
  Role role = Role::user;
  std::vector<Part> parts;
  std::vector<ToolCall> tool_calls{};  // of an assistant message
  std::string tool_call_id{};          // of a tool message: which call it answers
  std::string tool_name{};
};

struct Tool {
  std::string name;
  std::string description;
  OrderedJson parameters;  // a JSON schema
};

struct AnswerSchema {
  std::string name;
  OrderedJson schema;
};

// Only what is set is sent; what a service does not know is refused (usage) rather than dropped in silence.
struct ChatRequest {
  std::vector<ChatMessage> messages;
  std::string system;
  int max_tokens = 500;
  std::optional<double> temperature, top_p, repetition_penalty;
  std::optional<int> top_k;
  std::optional<std::int64_t> seed;
  std::vector<std::string> stops;
  std::string detail;  // OpenAI: low, high, auto, original; empty: not sent
  std::vector<Tool> tools;
  std::optional<AnswerSchema> schema;
};

struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  double seconds = 0;  // of sound, where the service counts it
};

struct ChatAnswer {
  std::string text;
  std::string finish_reason;  // stop, length, tool_calls, content_filter
  Usage usage;
  std::vector<ToolCall> tool_calls;
};

struct ImageRequest {
  std::string prompt;
  std::string size;  // "1024x1024"; empty: the service's own choice
  int count = 1;
  std::string quality, style, background;  // as the service names them; empty: not sent
  std::vector<PreparedPicture> pictures;   // with a prompt: to edit; without: to vary
  std::optional<PreparedPicture> mask;     // of an edit: a PNG, transparent where the picture may change
};

struct GeneratedImage {
  Bytes file;
  std::string mime_type;
  std::string revised_prompt;  // what the service made of the prompt, where it says
};

struct TextVectors {
  std::vector<std::vector<float>> vectors;  // one a text, in order, as the service gives them
  Usage usage;                              // zeros where the service does not tell
};

// A streamed answer that ended too early, with what came until then.
class BrokenAnswer : public Error {
 public:
  BrokenAnswer(const Error& cause, ChatAnswer so_far)
      : Error(cause.code(), cause.message(), cause.hint()), so_far_(std::move(so_far)) {}
  const ChatAnswer& so_far() const { return so_far_; }

 private:
  ChatAnswer so_far_;
};

// Receives new text as it comes: whole UTF-8 characters.
using TextSink = std::function<void(std::string_view)>;

// Immutable after construction and safe to use from many threads at once.
// Errors of every call: unauthorized, network, limit_exceeded, model_not_found, usage, bad_image, invalid_json,
// cancelled; unsupported_model where the service has no such ability.
class RemoteModel {
 public:
  virtual ~RemoteModel() = default;

  virtual const ModelSpec& spec() const = 0;

  // What pictures must be like for this model; for prepare_picture.
  virtual PictureRules picture_rules(const std::string& detail) const = 0;

  // The request that `chat` sends; nothing leaves the machine. For `--dry-run` (see describe) and caches.
  virtual HttpRequest chat_request(const ChatRequest& request, bool stream) const = 0;

  // Streams to `on_text` where there is one. Errors also: BrokenAnswer.
  virtual ChatAnswer chat(const ChatRequest& request, const CancelToken& cancel,
                          const TextSink& on_text = {}) const = 0;

  // Pictures from words, and from pictures; the request as for chat.
  virtual HttpRequest image_request(const ImageRequest& request) const;
  virtual std::vector<GeneratedImage> generate_images(const ImageRequest& request, const CancelToken& cancel) const;

  // Texts as vectors, at most kTextsAtOnce of them; `dimensions` 0: the model's own number. The request as for chat.
  static constexpr std::size_t kTextsAtOnce = 100;
  virtual HttpRequest embed_request(const std::vector<std::string>& texts, int dimensions) const;
  virtual TextVectors embed(const std::vector<std::string>& texts, int dimensions, const CancelToken& cancel) const;

 protected:
  [[noreturn]] void throw_needs_prompt() const;  // usage
};

struct RemoteOptions {
  HttpOptions http = http_options_from_environment();
  RetryPolicy retry;
};

// The model that `spec` names, with the key that find_key gives. No key is needed before something is sent.
std::unique_ptr<RemoteModel> open_remote_model(const ModelSpec& spec, const RemoteOptions& options = {});

}  // namespace gaze
