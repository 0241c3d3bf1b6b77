// multipart/form-data bodies (RFC 7578), files streamed from disk.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "providers/http.h"

namespace gaze {

class MultipartForm {
 public:
  MultipartForm();
  void add(const std::string& name, const std::string& value);
  void add_bytes(const std::string& name, const std::string& file_name, const std::string& mime_type,
                 const Bytes& bytes);
  void add_file(const std::string& name, const std::filesystem::path& path, const std::string& mime_type);

  // The request with this form as its body; add nothing afterwards.
  HttpRequest request(std::string url, std::vector<HttpHeader> headers) const;

 private:
  void begin_part(const std::string& name, const std::string& file_name, const std::string& mime_type);

  std::string boundary_;
  std::vector<BodyPiece> pieces_;
};

}  // namespace gaze
