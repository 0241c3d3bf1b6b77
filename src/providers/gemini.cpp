#include "providers/gemini.h"

#include <cstdlib>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/message.h"
#include "providers/encoding.h"
#include "providers/gemini_content.h"
#include "providers/media_type.h"

namespace gaze {
namespace {

// A request may have 20 MB, base64 takes a third more, and pictures and words need room too.
constexpr std::int64_t kMostInlineBytes = 13 * MiB;

bool goes_inline(const FilePart& file) {
  std::error_code fault;
  const auto size = std::filesystem::file_size(file.path, fault);
  if (fault)
    throw Error(ErrorCode::not_found, message("{}: cannot be opened: {}", display(file.path), fault.message()));
  return static_cast<std::int64_t>(size) <= kMostInlineBytes;
}

OrderedJson inline_file(const FilePart& file) {
  return gemini_inline_data(file.mime_type, read_file(file.path, kMostInlineBytes));
}

OrderedJson file_data(const std::string& uri, const std::string& mime_type) {
  return {{"fileData", {{"fileUri", uri}, {"mimeType", mime_type}}}};
}

// "1024x768" as the aspect ratio that these models take instead of a size.
std::string aspect_ratio(const std::string& size) {
  int width = 0, height = 0;
  if (std::sscanf(size.c_str(), "%dx%d", &width, &height) != 2 || width <= 0 || height <= 0) {
    throw Error(ErrorCode::usage, message("{}: not a size like 1024x768", size));
  }
  const int divisor = std::gcd(width, height);
  return fmt::format("{}:{}", width / divisor, height / divisor);
}

}  // namespace

GeminiModel::GeminiModel(ModelSpec spec, Secret key, const RemoteOptions& options, std::chrono::milliseconds poll)
    : spec_(std::move(spec)),
      key_(std::move(key)),
      retry_(options.retry),
      poll_(poll),
      http_(options.http),
      api_("Gemini", http_, options.retry) {
  const char* version = std::getenv("GOOGLE_GENAI_API_VERSION");
  version_ = version && *version ? version : "v1beta";
}

// Pictures are scaled down to fit 3072 × 3072 (Gemini API guide "Image understanding").
PictureRules GeminiModel::picture_rules(const std::string&) const {
  PictureRules rules;
  rules.mime_types = {"image/jpeg", "image/png", "image/webp"};
  rules.longest_side = 3072;
  rules.bytes = kMostInlineBytes;
  return rules;
}

std::string GeminiModel::address(const std::string& method) const {
  return spec_.base_url + "/" + version_ + "/models/" + percent_encode(spec_.name) + ":" + method;
}

std::vector<HttpHeader> GeminiModel::headers() const {
  std::vector<HttpHeader> headers;
  if (!key_.empty()) headers.push_back({"x-goog-api-key", key_.reveal(), key_});
  return headers;
}

GeminiFiles GeminiModel::files() const {
  return {api_, http_, spec_.base_url, version_, headers(), retry_, poll_};
}

void GeminiModel::require_key() const {
  if (!key_.empty()) return;
  throw Error(ErrorCode::unauthorized, message("{} needs a key and none is set", api_.service()),
              message("set the environment variable {}", "GEMINI_API_KEY"));
}

HttpRequest GeminiModel::chat_request(const ChatRequest& request, bool stream) const {
  OrderedJson body = gemini_body(request, [](const FilePart& file) {
    return goes_inline(file) ? inline_file(file) : file_data("uploaded first: " + display(file.path), file.mime_type);
  });
  return json_request(address(stream ? "streamGenerateContent?alt=sse" : "generateContent"), headers(),
                      std::move(body));
}

ChatAnswer GeminiModel::chat(const ChatRequest& request, const CancelToken& cancel, const TextSink& on_text) const {
  require_key();
  // What was uploaded for this request is deleted with it.
  struct Uploads {
    GeminiFiles files;
    std::vector<UploadedFile> done;
    ~Uploads() {
      for (const UploadedFile& file : done) files.remove(file);
    }
  } uploads{files(), {}};
  OrderedJson body = gemini_body(request, [&](const FilePart& file) {
    if (goes_inline(file)) return inline_file(file);
    uploads.done.push_back(uploads.files.upload(file.path, file.mime_type, cancel));
    return file_data(uploads.done.back().uri, file.mime_type);
  });
  const std::string method = on_text ? "streamGenerateContent?alt=sse" : "generateContent";
  const HttpRequest http_request = json_request(address(method), headers(), std::move(body));

  GeminiStream stream(api_.service(), on_text);
  try {
    if (on_text) {
      api_.stream(http_request, cancel, [&](const SseEvent& event) {
        const Json chunk = parse_json(event.data, api_.service());
        if (chunk.is_object() && chunk.contains("error")) throw service_error(api_.service(), chunk, http_request);
        stream.add(chunk);
      });
    } else {
      stream.add(api_.call_json(http_request, cancel));
    }
    if (!stream.finished()) {
      throw Error(ErrorCode::network, message("{}: the answer broke off before its end", api_.service()),
                  message("try again"));
    }
  } catch (const Error& error) {
    if (stream.answer().text.empty() || error.code() == ErrorCode::cancelled) throw;
    throw BrokenAnswer(error, stream.answer());
  }
  return stream.answer();
}

// Two interfaces for pictures: Imagen's own, and models that answer with pictures as well as words.
HttpRequest GeminiModel::image_request(const ImageRequest& request) const {
  if (request.prompt.empty()) throw_needs_prompt();
  if (spec_.name.starts_with("imagen")) {
    OrderedJson parameters{{"sampleCount", request.count}};
    if (!request.size.empty()) parameters["aspectRatio"] = aspect_ratio(request.size);
    OrderedJson body;
    body["instances"] = OrderedJson::array({{{"prompt", request.prompt}}});
    body["parameters"] = std::move(parameters);
    return json_request(address("predict"), headers(), body);
  }
  OrderedJson parts = OrderedJson::array();
  for (const PreparedPicture& picture : request.pictures) {
    parts.push_back(gemini_inline_data(picture.mime_type, picture.file));
  }
  parts.push_back({{"text", request.prompt}});
  OrderedJson config;
  config["responseModalities"] = {"TEXT", "IMAGE"};
  if (!request.size.empty()) config["imageConfig"] = {{"aspectRatio", aspect_ratio(request.size)}};
  OrderedJson content;
  content["parts"] = std::move(parts);
  content["role"] = "user";
  OrderedJson body;
  body["contents"] = OrderedJson::array();
  body["contents"].push_back(std::move(content));
  body["generationConfig"] = std::move(config);
  return json_request(address("generateContent"), headers(), std::move(body));
}

std::vector<GeneratedImage> GeminiModel::generate_images(const ImageRequest& request, const CancelToken& cancel) const {
  require_key();
  const HttpRequest http_request = image_request(request);
  std::vector<GeneratedImage> images;
  if (spec_.name.starts_with("imagen")) {
    const Json answer = api_.call_json(http_request, cancel);
    if (answer.contains("predictions") && answer["predictions"].is_array()) {
      for (const Json& prediction : answer["predictions"]) {
        images.push_back({base64_decode(text_at(prediction, "bytesBase64Encoded"), api_.service()),
                          text_at(prediction, "mimeType"),
                          {}});
      }
    }
  } else {
    for (int i = 0; i < request.count; ++i) {  // one picture an answer
      GeminiStream answer(api_.service(), {});
      answer.add(api_.call_json(http_request, cancel));
      images.insert(images.end(), answer.images().begin(), answer.images().end());
    }
  }
  if (images.empty()) {
    throw Error(ErrorCode::usage, message("{} sent no picture", api_.service()),
                message("the prompt may have been blocked; word it differently"));
  }
  return images;
}

HttpRequest GeminiModel::embed_request(const std::vector<std::string>& texts, int dimensions) const {
  OrderedJson requests = OrderedJson::array();
  for (const std::string& text : texts) {
    OrderedJson content;
    content["parts"] = OrderedJson::array({{{"text", text}}});
    content["role"] = "user";
    OrderedJson one{{"content", std::move(content)}, {"model", "models/" + spec_.name}};
    if (dimensions > 0) one["outputDimensionality"] = dimensions;
    requests.push_back(std::move(one));
  }
  OrderedJson body;
  body["requests"] = std::move(requests);
  return json_request(address("batchEmbedContents"), headers(), std::move(body));
}

TextVectors GeminiModel::embed(const std::vector<std::string>& texts, int dimensions, const CancelToken& cancel) const {
  require_key();
  const Json answer = api_.call_json(embed_request(texts, dimensions), cancel);
  TextVectors result;
  try {
    for (const Json& embedding : answer.at("embeddings")) {
      result.vectors.push_back(embedding.at("values").get<std::vector<float>>());
    }
  } catch (const Json::exception&) {
    result.vectors.clear();
  }
  if (result.vectors.size() != texts.size()) {
    throw Error(ErrorCode::invalid_json, message("{}: the answer does not have one vector a text", api_.service()));
  }
  return result;
}

}  // namespace gaze
