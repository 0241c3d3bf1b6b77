// OpenAI, Azure OpenAI and every server with OpenAI's interface (vLLM, Ollama, LM Studio, OpenRouter, DashScope, …).
#pragma once

#include <memory>
#include <string>

#include "providers/api_call.h"
#include "providers/http.h"
#include "providers/remote_model.h"

namespace gaze {

class OpenAiModel : public RemoteModel {
 public:
  OpenAiModel(ModelSpec spec, Secret key, const RemoteOptions& options);

  const ModelSpec& spec() const override { return spec_; }
  PictureRules picture_rules(const std::string& detail) const override;
  HttpRequest chat_request(const ChatRequest& request, bool stream) const override;
  ChatAnswer chat(const ChatRequest& request, const CancelToken& cancel, const TextSink& on_text) const override;

  HttpRequest image_request(const ImageRequest& request) const override;
  std::vector<GeneratedImage> generate_images(const ImageRequest& request, const CancelToken& cancel) const override;
  HttpRequest embed_request(const std::vector<std::string>& texts, int dimensions) const override;
  TextVectors embed(const std::vector<std::string>& texts, int dimensions, const CancelToken& cancel) const override;

 private:
  bool uses_responses() const;
  bool streams_speech() const;
  template <class Stream, class Failure>
  ChatAnswer stream_chat(const HttpRequest& request, const CancelToken& cancel, Stream& stream,
                         const Failure& failure_of) const;
  bool official() const { return spec_.service != Service::compatible; }
  std::string address(const std::string& path) const;
  std::vector<HttpHeader> headers() const;
  void require_key() const;

  ModelSpec spec_;
  Secret key_;
  mutable HttpClient http_;  // thread-safe by itself
  ApiCaller api_;
};

}  // namespace gaze
