// Gemini's Files API: what is too large for a request is uploaded first, streamed from disk, and deleted afterwards.
// Shapes: Gemini API reference, v1beta "media.upload" and "files" (ai.google.dev/api/files), resumable protocol as
// spoken by the official Python client google-genai 3.4.0.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "providers/api_call.h"
#include "providers/http.h"

namespace gaze {

struct UploadedFile {
  std::string name;  // "files/abc"
  std::string uri;
  std::string mime_type;
};

struct GeminiFiles {
  const ApiCaller& api;
  HttpClient& http;
  std::string base_url;  // https://generativelanguage.googleapis.com
  std::string version;   // v1beta
  std::vector<HttpHeader> headers;
  RetryPolicy retry;
  std::chrono::milliseconds poll{2'000};
  std::chrono::milliseconds longest_processing{600'000};

  // Uploads in pieces of 8 MiB; a broken connection goes on from where the service says it is. Waits until the service
  // has processed the file. Errors: not_found (the file), network, unauthorized, usage (it cannot be processed), …
  UploadedFile upload(const std::filesystem::path& path, const std::string& mime_type, const CancelToken& cancel) const;

  // Deletes it, as well as can be done: the service forgets files after two days by itself.
  void remove(const UploadedFile& file) const;
};

}  // namespace gaze
