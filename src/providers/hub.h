// Models from the Hugging Face hub (or a mirror of it) and from ModelScope.
// Shapes: Hugging Face "Hub API endpoints" (huggingface.co/docs/hub/api: GET /api/models/ID/revision/REV?blobs=true,
// /ID/resolve/REV/FILE), as read by the official client huggingface_hub 2.4.0; ModelScope /api/v1/models/ID/repo/files
// and /repo?FilePath=, as called by its own client (modelscope/hub/api.py, file_download.py).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "providers/download.h"
#include "providers/http.h"
#include "providers/redact.h"
#include "providers/retry.h"

namespace gaze {

enum class HubKind { hugging_face, modelscope };

struct HubSource {
  HubKind kind = HubKind::hugging_face;
  std::string endpoint;  // https://huggingface.co, or a mirror; without trailing slash
  Secret token;
};

// "owner/name", or "modelscope:owner/name". Endpoints: HF_ENDPOINT, MODELSCOPE_ENDPOINT.
struct HubId {
  HubKind kind = HubKind::hugging_face;
  std::string id;  // checked: one or two components of letters, digits, '.', '_' and '-'
};
HubId parse_hub_id(const std::string& text);          // errors: usage
HubSource hub_source_from_environment(HubKind kind);  // errors as find_hub_token

struct HubFile {
  std::string name;  // checked by check_file_name
  std::int64_t size = 0;
  Checksum checksum;
};

struct HubListing {
  std::string commit;  // what to ask for from now on, so that a change on the hub does not mix two versions
  std::vector<HubFile> files;
};

// Errors: model_not_found, unauthorized, network, invalid_json, bad_weights (hostile names, a file without checksum).
HubListing list_hub_files(HttpClient& client, const HubSource& source, const std::string& id,
                          const std::string& revision, const RetryPolicy& retry, const CancelToken& cancel);

// The files that Gaze reads: configuration, tokenizer, card and licence, and the weights once: safetensors, else
// PyTorch's, else one GGUF (the middle-sized quantisations first) with its image part. `wanted` names further files, or
// the GGUF to take. Errors: unsupported_model (no weights among them), not_found (a wanted file is not there).
std::vector<HubFile> choose_files(const HubListing& listing, const std::vector<std::string>& wanted);

struct PullRequest {
  HubId id;
  std::string revision;             // empty: main, or master
  std::vector<std::string> wanted;  // see choose_files
  std::filesystem::path folder;     // where this model goes
  int at_once = 4;
  bool offline = false;
};

// Bytes that are there, of all that are needed; called from the thread that pulls, some twenty times a second.
using PullProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// Fetches what is missing, several files at once, and writes gaze-manifest.json last: a folder that has one is whole.
// Errors: as list_hub_files, choose_files, download; disk_full before anything is fetched where it would not fit;
// library_locked (another pull into the folder is under way); network where `offline` and not yet pulled.
void pull(const PullRequest& request, const HubSource& source, const HttpOptions& http, const RetryPolicy& retry,
          const CancelToken& cancel, const PullProgress& on_progress);

struct VerifiedFile {
  std::string name;
  enum class State { good, missing, changed } state;
};

// Hashes every file of the manifest again. Errors: not_found (no manifest), invalid_json, cancelled.
std::vector<VerifiedFile> verify_model(const std::filesystem::path& folder, const CancelToken& cancel);

}  // namespace gaze
