#include "providers/openai_images.h"

#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/encoding.h"
#include "providers/multipart.h"

namespace gaze {
namespace {

std::string extension_of(const std::string& mime_type) {
  return mime_type == "image/jpeg" ? ".jpg" : mime_type == "image/webp" ? ".webp" : ".png";
}

// Later models always send bytes and refuse to be asked for them.
bool asks_for_bytes(const std::string& model) {
  return model.starts_with("dall-e");
}

std::string mime_type_of(const Bytes& file) {
  const auto begins = [&](std::initializer_list<int> bytes) {
    return file.size() >= bytes.size() &&
           std::equal(bytes.begin(), bytes.end(), file.begin(), [](int a, std::byte b) { return std::byte(a) == b; });
  };
  if (begins({0x89, 'P', 'N', 'G'})) return "image/png";
  if (begins({0xFF, 0xD8})) return "image/jpeg";
  if (begins({'R', 'I', 'F', 'F'})) return "image/webp";
  return "application/octet-stream";
}

}  // namespace

const char* openai_images_path(const ImageRequest& request) {
  if (request.pictures.empty()) return "/images/generations";
  return request.prompt.empty() ? "/images/variations" : "/images/edits";
}

HttpRequest openai_images_request(const ImageRequest& request, const std::string& model, const std::string& url,
                                  std::vector<HttpHeader> headers) {
  const std::pair<const char*, const std::string&> texts[] = {
      {"prompt", request.prompt},   {"model", model},         {"size", request.size},
      {"quality", request.quality}, {"style", request.style}, {"background", request.background}};
  if (request.pictures.empty()) {
    OrderedJson body;
    for (const auto& [name, value] : texts) {
      if (!value.empty()) body[name] = value;
    }
    body["n"] = request.count;
    if (asks_for_bytes(model)) body["response_format"] = "b64_json";
    return json_request(url, std::move(headers), body);
  }

  if (request.prompt.empty() && request.pictures.size() > 1) {
    throw Error(ErrorCode::usage, message("only one picture can be varied at a time"));
  }
  MultipartForm form;
  const char* field = request.pictures.size() > 1 ? "image[]" : "image";
  for (std::size_t i = 0; i < request.pictures.size(); ++i) {
    const PreparedPicture& picture = request.pictures[i];
    form.add_bytes(field, "image" + std::to_string(i + 1) + extension_of(picture.mime_type), picture.mime_type,
                   picture.file);
  }
  if (request.mask) form.add_bytes("mask", "mask.png", request.mask->mime_type, request.mask->file);
  for (const auto& [name, value] : texts) {
    if (!value.empty()) form.add(name, value);
  }
  form.add("n", std::to_string(request.count));
  if (asks_for_bytes(model)) form.add("response_format", "b64_json");
  return form.request(url, std::move(headers));
}

std::vector<GeneratedImage> parse_openai_images(const Json& answer, const std::string& origin,
                                                const std::function<HttpResponse(const std::string& url)>& fetch) {
  std::vector<GeneratedImage> images;
  if (answer.is_object() && answer.contains("data") && answer["data"].is_array()) {
    for (const Json& item : answer["data"]) {
      GeneratedImage image;
      if (const std::string bytes = text_at(item, "b64_json"); !bytes.empty()) {
        image.file = base64_decode(bytes, origin);
      } else if (const std::string url = text_at(item, "url"); !url.empty()) {
        const std::string body = fetch(url).body;
        const auto view = std::as_bytes(std::span(body));
        image.file.assign(view.begin(), view.end());
      }
      if (image.file.empty()) continue;
      image.mime_type = mime_type_of(image.file);
      image.revised_prompt = text_at(item, "revised_prompt");
      images.push_back(std::move(image));
    }
  }
  if (images.empty()) throw Error(ErrorCode::invalid_json, message("{}: the answer has no picture in it", origin));
  return images;
}

}  // namespace gaze
