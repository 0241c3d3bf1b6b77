// client_calls BASE PICTURE SOUND VIDEO OPENAI_KEY GEMINI_KEY (of the test server): the calls of check_clients.py, made
// by Gaze, in its order.
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "providers/gemini.h"
#include "providers/openai.h"

namespace gaze {
namespace {

ChatRequest question(const PreparedPicture& picture) {
  ChatRequest request;
  request.messages.push_back({Role::user, {TextPart{"这张图片里有什么？详细描述一下。"}, PicturePart{picture}}});
  return request;
}

ChatRequest with_options(ChatRequest request) {
  request.system = "Answer briefly.";
  request.temperature = 0.5;
  request.top_p = 0.9;
  return request;
}

Tool weather() {
  return {"weather", "The weather at a place",
          OrderedJson::parse(R"({"type":"object","properties":{"place":{"type":"string"}}})")};
}

AnswerSchema animals() {
  return {"animals", OrderedJson::parse(
                         R"({"type":"object","properties":{"animals":{"type":"array","items":{"type":"string"}}}})")};
}

void openai_calls(const std::string& base, const Secret& key, const PreparedPicture& picture,
                  const std::string& sound) {
  const CancelToken cancel;
  const auto open = [&](const std::string& name, Service service = Service::openai) {
    return OpenAiModel({service, name, base + (service == Service::azure ? "" : "/v1"), name}, key, RemoteOptions());
  };
  const TextSink sink = [](std::string_view) {};
  const ChatRequest plain = question(picture);
  open("gpt-4o").chat(plain, cancel, {});
  open("gpt-4o").chat(plain, cancel, sink);
  ChatRequest request = with_options(plain);
  request.seed = 7;
  request.detail = "low";
  open("o3").chat(request, cancel, {});
  request = plain;
  request.tools = {weather()};
  open("gpt-4o").chat(request, cancel, {});
  request = plain;
  request.schema = animals();
  open("gpt-4o").chat(request, cancel, {});
  request = with_options(plain);
  open("o3-pro").chat(request, cancel, {});
  request.schema = animals();
  request.tools = {weather()};
  open("o3-pro").chat(request, cancel, sink);
  open("my-deployment", Service::azure).chat(plain, cancel, {});
  open("gpt-image-1").generate_images({.prompt = "一只猫", .size = "1024x1024", .count = 2, .quality = "high"}, cancel);
  open("dall-e-3").generate_images({.prompt = "一只猫", .style = "natural"}, cancel);
  open("gpt-image-1").generate_images({.prompt = "blue", .pictures = {picture}, .mask = picture}, cancel);
  open("gpt-image-1").generate_images({.prompt = "both", .pictures = {picture, picture}}, cancel);
  open("dall-e-2").generate_images({.pictures = {picture}}, cancel);
  open("dall-e-2").generate_images({.size = "512x512", .count = 2, .pictures = {picture}}, cancel);
  open("text-embedding-3-small").embed({"猫", "dog"}, 2, cancel);
  open("text-embedding-3-small").embed({"猫"}, 0, cancel);
  request = {};
  request.messages.push_back({Role::user, {TextPart{"Gaze"}, FilePart{sound, "audio/wav"}}});
  open("whisper-1").chat(request, cancel, {});
  open("gpt-4o-transcribe").chat(request, cancel, sink);
  request.messages[0].parts.erase(request.messages[0].parts.begin());
  request.temperature = 0.5;
  open("gpt-4o-mini-transcribe").chat(request, cancel, {});
}

void gemini_calls(const std::string& base, const Secret& key, const PreparedPicture& picture,
                  const std::string& video) {
  const CancelToken cancel;
  const auto open = [&](const std::string& name) {
    return GeminiModel({Service::gemini, name, base, name}, key, RemoteOptions(), std::chrono::milliseconds(1));
  };
  const ChatRequest plain = question(picture);
  open("gemini-2.5-flash").chat(plain, cancel, {});
  open("gemini-2.5-flash").chat(plain, cancel, [](std::string_view) {});
  ChatRequest request = with_options(plain);
  request.top_k = 3;
  request.seed = 7;
  request.schema = animals();
  open("gemini-2.5-flash").chat(request, cancel, {});
  request = plain;
  request.tools = {weather()};
  open("gemini-2.5-flash").chat(request, cancel, {});
  request = {};
  request.messages.push_back({Role::user, {FilePart{video, "video/mp4"}, TextPart{"什么？"}}});
  open("gemini-2.5-flash").chat(request, cancel, {});
  open("gemini-2.5-flash-image").generate_images({.prompt = "一只猫", .size = "1280x720"}, cancel);
  open("gemini-embedding-001").embed({"猫", "dog"}, 0, cancel);
  open("gemini-embedding-001").embed({"猫"}, 2, cancel);
}

}  // namespace
}  // namespace gaze

int main(int count, char** arguments) {
  if (count != 7) return 2;
  using namespace gaze;
  try {
    const std::string base = arguments[1];
    const PreparedPicture picture = prepare_picture(std::filesystem::path(arguments[2]), PictureRules());
    openai_calls(base, Secret(arguments[5]), picture, arguments[3]);
    gemini_calls(base, Secret(arguments[6]), picture, arguments[4]);
    return 0;
  } catch (const Error& error) {
    std::printf("%s: %s\n", std::string(to_string(error.code())).c_str(), error.message().c_str());
    return 1;
  }
}
