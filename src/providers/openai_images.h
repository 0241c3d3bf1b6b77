// OpenAI's Images API: generations, edits and variations.
// Shapes: OpenAI API reference "Images", as typed in the official Python client openai 3.54.0
// (types/image_generate_params.py, image_edit_params.py, image_create_variation_params.py, images_response.py).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "providers/http.h"
#include "providers/remote_model.h"

namespace gaze {

// No picture: generations; pictures and a prompt: edits; one picture alone: variations.
const char* openai_images_path(const ImageRequest& request);

// Errors: usage (more than one picture to vary).
HttpRequest openai_images_request(const ImageRequest& request, const std::string& model, const std::string& url,
                                  std::vector<HttpHeader> headers);

// The pictures of an answer; where it holds addresses instead of bytes, `fetch` gets them.
// Errors: invalid_json.
std::vector<GeneratedImage> parse_openai_images(const Json& answer, const std::string& origin,
                                                const std::function<HttpResponse(const std::string& url)>& fetch);

}  // namespace gaze
