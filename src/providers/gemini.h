// Google's Gemini through its own interface: text, pictures, sound, video and PDF in, text and pictures out.
#pragma once

#include <memory>
#include <string>

#include "providers/api_call.h"
#include "providers/gemini_files.h"
#include "providers/http.h"
#include "providers/remote_model.h"

namespace gaze {

class GeminiModel : public RemoteModel {
 public:
  // The API version is GOOGLE_GENAI_API_VERSION, else v1beta. `poll`: between looks at an uploaded file.
  GeminiModel(ModelSpec spec, Secret key, const RemoteOptions& options,
              std::chrono::milliseconds poll = std::chrono::milliseconds(2'000));

  const ModelSpec& spec() const override { return spec_; }
  PictureRules picture_rules(const std::string& detail) const override;

  // Files too large for the request stand in it as "uploaded first: PATH".
  HttpRequest chat_request(const ChatRequest& request, bool stream) const override;
  ChatAnswer chat(const ChatRequest& request, const CancelToken& cancel, const TextSink& on_text) const override;

  HttpRequest image_request(const ImageRequest& request) const override;
  std::vector<GeneratedImage> generate_images(const ImageRequest& request, const CancelToken& cancel) const override;
  HttpRequest embed_request(const std::vector<std::string>& texts, int dimensions) const override;
  TextVectors embed(const std::vector<std::string>& texts, int dimensions, const CancelToken& cancel) const override;

 private:
  std::string address(const std::string& method) const;
  std::vector<HttpHeader> headers() const;
  GeminiFiles files() const;
  void require_key() const;

  ModelSpec spec_;
  Secret key_;
  RetryPolicy retry_;
  std::string version_;
  std::chrono::milliseconds poll_;
  mutable HttpClient http_;  // thread-safe by itself
  ApiCaller api_;
};

}  // namespace gaze
