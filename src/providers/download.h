// One file from the network to the disk: resumed, checked, and there whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "providers/http.h"
#include "providers/retry.h"

namespace gaze {

// What the bytes must hash to: the SHA-256, or git's own name for a file (SHA-1 of "blob SIZE\0" and the bytes), which
// is all that hubs tell of small files.
struct Checksum {
  enum class Kind { sha256, git_sha1 };
  Kind kind = Kind::sha256;
  std::string hex;
};

struct Download {
  std::string url;
  std::vector<HttpHeader> headers;
  std::int64_t size = 0;
  Checksum checksum;
  std::filesystem::path folder;  // the model's; links below it are not followed
  std::string name;              // below the folder, checked by check_file_name
};

// Called with how many more bytes have come; negative when a start from the beginning throws some away.
using DownloadProgress = std::function<void(std::int64_t bytes)>;

// What an earlier try left in the work folder (.gaze-pull) is gone on from, by range and ETag. Tries again, five times
// without any progress. Bytes beyond `size` are refused. Errors: network (also wrong bytes: they are thrown away),
// unauthorized, model_not_found, disk_full (what came stays for the next try), cancelled.
void download(HttpClient& client, const Download& download, const RetryPolicy& retry, const CancelToken& cancel,
              const DownloadProgress& on_progress);

// How many bytes of it an earlier try left.
std::int64_t bytes_already_there(const Download& download);

// The checksum of a file on the disk, read piece by piece. Errors: not_found, cancelled.
std::string checksum_of(const std::filesystem::path& path, Checksum::Kind kind, const CancelToken& cancel);

// What a hub's refusal means. `what` is the model or file, for people.
[[noreturn]] void throw_hub_error(const HttpResponse& response, const HttpRequest& request, const std::string& what);

// Whether the finished file is there, of the right size and bytes.
bool is_complete(const Download& download, const CancelToken& cancel);

}  // namespace gaze
