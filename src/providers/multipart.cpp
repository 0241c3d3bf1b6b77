#include "providers/multipart.h"

#include <utility>

#include "base/message.h"
#include "providers/retry.h"

namespace gaze {
namespace {

// Inside the quotes of a header (WHATWG HTML, "multipart form data").
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"') {
      out += "%22";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else {
      out += c;
    }
  }
  return '"' + out + '"';
}

}  // namespace

MultipartForm::MultipartForm() : boundary_("gaze-" + random_uuid()) {}

void MultipartForm::begin_part(const std::string& name, const std::string& file_name, const std::string& mime_type) {
  std::string head = pieces_.empty() ? "" : "\r\n";
  head += "--" + boundary_ + "\r\nContent-Disposition: form-data; name=" + quoted(name);
  if (!file_name.empty()) head += "; filename=" + quoted(file_name);
  if (!mime_type.empty()) head += "\r\nContent-Type: " + mime_type;
  pieces_.emplace_back(head + "\r\n\r\n");
}

void MultipartForm::add(const std::string& name, const std::string& value) {
  begin_part(name, "", "");
  pieces_.emplace_back(value);
}

void MultipartForm::add_bytes(const std::string& name, const std::string& file_name, const std::string& mime_type,
                              const Bytes& bytes) {
  begin_part(name, file_name, mime_type);
  pieces_.emplace_back(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void MultipartForm::add_file(const std::string& name, const std::filesystem::path& path, const std::string& mime_type) {
  std::error_code fault;
  const auto size = std::filesystem::file_size(path, fault);
  if (fault) throw Error(ErrorCode::not_found, message("{}: cannot be opened: {}", display(path), fault.message()));
  begin_part(name, display(path.filename()), mime_type);
  pieces_.emplace_back(FilePiece{path, 0, static_cast<std::int64_t>(size)});
}

HttpRequest MultipartForm::request(std::string url, std::vector<HttpHeader> headers) const {
  HttpRequest request{.method = "POST", .url = std::move(url), .headers = std::move(headers), .body = pieces_};
  request.headers.push_back({"Content-Type", "multipart/form-data; boundary=" + boundary_});
  request.body.emplace_back("\r\n--" + boundary_ + "--\r\n");
  return request;
}

}  // namespace gaze
