#include "providers/gemini_files.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/log.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::int64_t kPieceBytes = 8 * MiB;  // a multiple of 256 KiB, which the protocol asks for

std::int64_t number_of(const std::string& text) {
  std::int64_t value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::int64_t size_of(const std::filesystem::path& path) {
  std::error_code fault;
  const auto size = std::filesystem::file_size(path, fault);
  if (fault) throw Error(ErrorCode::not_found, message("{}: cannot be opened: {}", display(path), fault.message()));
  return static_cast<std::int64_t>(size);
}

// One upload under way.
class Upload {
 public:
  Upload(const GeminiFiles& files, std::string url, const std::filesystem::path& path, std::int64_t size)
      : files_(files), url_(std::move(url)), path_(path), size_(size) {}

  Json run(const CancelToken& cancel) {
    std::int64_t offset = 0;
    for (int failures = 0; true;) {
      try {
        const std::int64_t length = std::min(kPieceBytes, size_ - offset);
        const bool last = offset + length == size_;
        const HttpResponse response = send(last ? "upload, finalize" : "upload", offset, length, cancel);
        if (response.header("x-goog-upload-status") == "final") return parse_json(response.body, files_.api.service());
        if (last) {
          throw Error(ErrorCode::network, message("{}: the upload did not come to its end", files_.api.service()));
        }
        offset += length;
        failures = 0;
        continue;
      } catch (const TransportError& error) {
        if (++failures > files_.retry.retries || !error.may_help_to_retry()) throw;
      }
      wait_for(files_.retry.first_wait * failures, cancel);
      const HttpResponse where = send("query", 0, 0, cancel);
      if (where.header("x-goog-upload-status") == "final") return parse_json(where.body, files_.api.service());
      offset = number_of(where.header("x-goog-upload-size-received"));
      if (offset < 0 || offset > size_) {
        throw Error(ErrorCode::network, message("{}: the upload lost its place", files_.api.service()));
      }
    }
  }

 private:
  // Without a key: the address itself is the permission.
  HttpResponse send(const std::string& command, std::int64_t offset, std::int64_t length,
                    const CancelToken& cancel) const {
    HttpRequest request{.method = "POST", .url = url_, .headers = {{"X-Goog-Upload-Command", command}}, .body = {}};
    if (command != "query") {
      request.headers.push_back({"X-Goog-Upload-Offset", std::to_string(offset)});
      request.headers.push_back({"Content-Type", "application/octet-stream"});
      request.body.emplace_back(FilePiece{path_, offset, length});
    }
    HttpResponse response = files_.http.send(request, cancel);
    if (response.status == 408 || response.status == 429 || response.status >= 500) {
      throw TransportError(message("{}: status {}", files_.api.service(), response.status), {}, true);
    }
    if (!response.ok()) throw service_error(files_.api.service(), response, request);
    return response;
  }

  const GeminiFiles& files_;
  const std::string url_;
  const std::filesystem::path& path_;
  const std::int64_t size_;
};

}  // namespace

UploadedFile GeminiFiles::upload(const std::filesystem::path& path, const std::string& mime_type,
                                 const CancelToken& cancel) const {
  const std::int64_t size = size_of(path);
  std::vector<HttpHeader> start_headers = headers;
  start_headers.push_back({"X-Goog-Upload-Protocol", "resumable"});
  start_headers.push_back({"X-Goog-Upload-Command", "start"});
  start_headers.push_back({"X-Goog-Upload-Header-Content-Length", std::to_string(size)});
  start_headers.push_back({"X-Goog-Upload-Header-Content-Type", mime_type});
  const HttpRequest start = json_request(base_url + "/upload/" + version + "/files", start_headers,
                                         {{"file", {{"mimeType", mime_type}, {"sizeBytes", size}}}});
  const std::string address = api.call(start, cancel).header("x-goog-upload-url");
  if (address.empty()) throw Error(ErrorCode::network, message("{}: gave no address to upload to", api.service()));

  // Whatever host that names: the file goes to the one the person chose (the official client does the same).
  const Url given = Url(base_url).resolve(address);
  const std::size_t path_begin = given.text().find('/', given.scheme().size() + 3);
  const std::string target =
      Url(base_url).resolve(path_begin == std::string::npos ? "/" : given.text().substr(path_begin)).text();
  Json file = object_at(Upload(*this, target, path, size).run(cancel), "file");

  UploadedFile uploaded{text_at(file, "name"), text_at(file, "uri"), mime_type};
  try {
    const auto end = std::chrono::steady_clock::now() + longest_processing;
    while (text_at(file, "state") == "PROCESSING") {
      if (std::chrono::steady_clock::now() > end) {
        throw Error(ErrorCode::network, message("{}: {} is still being processed", api.service(), display(path)),
                    message("try again later"));
      }
      wait_for(poll, cancel);
      file = api.call_json(
          {.url = base_url + "/" + version + "/" + percent_encode(uploaded.name, "/"), .headers = headers}, cancel);
    }
    if (text_at(file, "state") != "ACTIVE" || uploaded.uri.empty()) {
      throw Error(ErrorCode::usage, message("{}: {} could not be processed", api.service(), display(path)));
    }
  } catch (const Error&) {
    remove(uploaded);
    throw;
  }
  return uploaded;
}

void GeminiFiles::remove(const UploadedFile& file) const {
  if (file.name.empty()) return;
  try {
    http.send({.method = "DELETE",
               .url = base_url + "/" + version + "/" + percent_encode(file.name, "/"),
               .headers = headers},
              CancelToken());
  } catch (const Error& error) {
    log_detail(error.message());
  }
}

}  // namespace gaze
