// What a hub has of a model, and which of it we need.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <set>

#include "base/file.h"
#include "base/message.h"
#include "base/split_name.h"
#include "providers/api_call.h"
#include "providers/file_name.h"
#include "providers/hub.h"
#include "providers/keys.h"

namespace gaze {
namespace {

constexpr std::size_t kMostFiles = 10'000;
constexpr std::int64_t kMostFileBytes = std::int64_t{1} << 42;

bool is_hex(const std::string& text, std::size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::vector<HttpHeader> headers_of(const HubSource& source) {
  if (source.token.empty()) return {};
  return {{"Authorization", "Bearer " + source.token.reveal(), source.token}};
}

void add_file(HubListing& listing, HubFile file) {
  check_file_name(file.name);
  const std::size_t length = file.checksum.kind == Checksum::Kind::sha256 ? 64 : 40;
  if (!is_hex(file.checksum.hex, length)) {
    throw Error(ErrorCode::bad_weights, message("{}: the hub gives no checksum for it", file.name));
  }
  if (file.size < 0 || file.size > kMostFileBytes || listing.files.size() >= kMostFiles) {
    throw Error(ErrorCode::bad_weights, message("{}: the hub's list makes no sense here", file.name));
  }
  listing.files.push_back(std::move(file));
}

HubListing hugging_face_listing(const Json& answer) {
  HubListing listing{.commit = text_at(answer, "sha"), .files = {}};
  if (!is_hex(listing.commit, 40) || !answer.contains("siblings") || !answer["siblings"].is_array()) {
    throw Error(ErrorCode::invalid_json, message("the hub's answer is not a list of files"));
  }
  for (const Json& item : answer["siblings"]) {
    const Json& lfs = object_at(item, "lfs");
    HubFile file{
        text_at(item, "rfilename"), count_at(item, "size"), {Checksum::Kind::git_sha1, text_at(item, "blobId")}};
    if (!lfs.empty()) {
      file.size = count_at(lfs, "size");
      file.checksum = {Checksum::Kind::sha256, text_at(lfs, "sha256")};
    }
    add_file(listing, std::move(file));
  }
  return listing;
}

HubListing modelscope_listing(const Json& answer, const std::string& revision) {
  HubListing listing{.commit = revision, .files = {}};
  const Json& data = object_at(answer, "Data");
  if (!data.contains("Files") || !data["Files"].is_array()) {
    throw Error(ErrorCode::invalid_json, message("the hub's answer is not a list of files"));
  }
  for (const Json& item : data["Files"]) {
    if (text_at(item, "Type") == "tree") continue;
    add_file(listing,
             {text_at(item, "Path"), count_at(item, "Size"), {Checksum::Kind::sha256, text_at(item, "Sha256")}});
  }
  return listing;
}

bool ends_with(const std::string& name, std::string_view end) {
  return name.ends_with(end);
}

// Small files beside the weights that loading reads or a person wants to have.
bool is_description(const std::string& name) {
  static const std::set<std::string> kNames{"config.json",
                                            "preprocessor_config.json",
                                            "processor_config.json",
                                            "generation_config.json",
                                            "tokenizer.json",
                                            "tokenizer_config.json",
                                            "special_tokens_map.json",
                                            "added_tokens.json",
                                            "vocab.json",
                                            "vocab.txt",
                                            "merges.txt",
                                            "chat_template.json",
                                            "chat_template.jinja",
                                            "README.md"};
  return kNames.count(name) > 0 || name.starts_with("LICENSE") ||
         (ends_with(name, ".model") && name.find('/') == name.npos);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

template <class Predicate>
std::vector<HubFile> filtered(const std::vector<HubFile>& files, const Predicate& keep) {
  std::vector<HubFile> kept;
  std::copy_if(files.begin(), files.end(), std::back_inserter(kept), keep);
  return kept;
}

// The first of the quantisations people mostly want, or simply the first file.
HubFile middle_sized(const std::vector<HubFile>& files, std::initializer_list<const char*> order) {
  for (const char* kind : order) {
    for (const HubFile& file : files) {
      if (lower(file.name).find(kind) != std::string::npos) return file;
    }
  }
  return files.front();
}

bool is_projector(const std::string& name) {
  return lower(name).find("mmproj") != std::string::npos;
}

// Of a GGUF model that is split over several files, the other ones come along.
void add_file_and_its_parts(const std::vector<HubFile>& files, const HubFile& file, std::vector<HubFile>& chosen) {
  chosen.push_back(file);
  const auto own = parse_split_name(file.name);
  if (!own || own->extension != ".gguf") return;
  for (const HubFile& other : files) {
    const auto split = parse_split_name(other.name);
    if (split && split->number != own->number && split->of(own->number) == file.name) chosen.push_back(other);
  }
}

// The part that looks at pictures belongs to a GGUF model.
void add_projector(const std::vector<HubFile>& files, std::vector<HubFile>& chosen) {
  const auto projectors =
      filtered(files, [](const HubFile& file) { return ends_with(file.name, ".gguf") && is_projector(file.name); });
  if (!projectors.empty()) chosen.push_back(middle_sized(projectors, {"f16", "bf16", "q8_0"}));
}

std::vector<HubFile> weights_among(const std::vector<HubFile>& files) {
  const auto at_root = [](const HubFile& file) { return file.name.find('/') == std::string::npos; };
  for (const auto& [stem, end] :
       {std::pair("model", ".safetensors"), std::pair("", ".safetensors"), std::pair("pytorch_model", ".bin")}) {
    auto found = filtered(files, [&, stem = std::string(stem), end = std::string(end)](const HubFile& file) {
      return at_root(file) && file.name.starts_with(stem) &&
             (file.name.ends_with(end) || file.name == stem + end + ".index.json");
    });
    const bool any = std::any_of(found.begin(), found.end(),
                                 [&, end = std::string(end)](const HubFile& f) { return f.name.ends_with(end); });
    if (any) return found;
  }
  const auto gguf =
      filtered(files, [](const HubFile& file) { return ends_with(file.name, ".gguf") && !is_projector(file.name); });
  if (gguf.empty()) return {};
  std::vector<HubFile> chosen;
  add_file_and_its_parts(files, middle_sized(gguf, {"q4_k_m", "q4_0", "q4_k", "q5_k_m", "q8_0"}), chosen);
  add_projector(files, chosen);
  return chosen;
}

// A file by its name, or a GGUF by its quantisation ("Q8_0") where only one is of it. Errors: not_found (says which
// there are).
const HubFile& wanted_file(const std::vector<HubFile>& files, const std::string& name) {
  const HubFile* found = nullptr;
  int count = 0;
  std::string names;
  for (const HubFile& file : files) {
    if (file.name == name) return file;
    if (!ends_with(file.name, ".gguf") || is_projector(file.name)) continue;
    const auto split = parse_split_name(file.name);
    if (split && split->number > 1) continue;
    names += (names.empty() ? "" : ", ") + file.name;
    const std::string whole = split ? split->before + split->extension : file.name;
    const std::size_t at = lower(whole).rfind(lower(name) + ".gguf");
    if (at == std::string::npos || (at > 0 && std::isalnum(static_cast<unsigned char>(whole[at - 1])))) continue;
    found = &file;
    ++count;
  }
  if (count == 1) return *found;
  throw Error(ErrorCode::not_found, message("{}: this model has no such file", name),
              names.empty() ? "" : message("there are: {}", names));
}

}  // namespace

HubId parse_hub_id(const std::string& text) {
  constexpr std::string_view kModelScope = "modelscope:";
  HubId id;
  id.id = text;
  if (text.starts_with(kModelScope)) id = {HubKind::modelscope, text.substr(kModelScope.size())};
  const auto fine = [](std::string_view part) {
    return !part.empty() && part.size() <= 96 && part.front() != '.' && part.front() != '-' && part.back() != '.' &&
           part.find("..") == part.npos && std::all_of(part.begin(), part.end(), [](unsigned char c) {
             return (c < 0x80 && std::isalnum(c)) || c == '.' || c == '_' || c == '-';
           });
  };
  const std::size_t slash = id.id.find('/');
  const bool good = slash == std::string::npos ? id.kind == HubKind::hugging_face && fine(id.id)
                                               : fine(std::string_view(id.id).substr(0, slash)) &&
                                                     fine(std::string_view(id.id).substr(slash + 1));
  if (!good) {
    throw Error(ErrorCode::usage, message("{}: not the id of a model on a hub", to_valid_utf8(text.substr(0, 200))),
                message("for example openai/clip-vit-base-patch32, or modelscope:AI-ModelScope/clip-vit-base-patch32"));
  }
  return id;
}

HubSource hub_source_from_environment(HubKind kind) {
  const bool modelscope = kind == HubKind::modelscope;
  const char* value = std::getenv(modelscope ? "MODELSCOPE_ENDPOINT" : "HF_ENDPOINT");
  std::string endpoint = value && *value ? value : modelscope ? "https://www.modelscope.cn" : "https://huggingface.co";
  endpoint = Url(endpoint).text();
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return {kind, endpoint, find_hub_token(modelscope)};
}

HubListing list_hub_files(HttpClient& client, const HubSource& source, const std::string& id,
                          const std::string& revision, const RetryPolicy& retry, const CancelToken& cancel) {
  const bool modelscope = source.kind == HubKind::modelscope;
  const std::string encoded = percent_encode(revision);
  HttpRequest request{
      .url =
          source.endpoint + (modelscope ? "/api/v1/models/" + id + "/repo/files?Revision=" + encoded + "&Recursive=True"
                                        : "/api/models/" + id + "/revision/" + encoded + "?blobs=true"),
      .headers = headers_of(source)};
  request.redirects = Redirects::anywhere_without_secrets;  // renamed models, mirrors
  const HttpResponse response = send_with_retries(client, request, retry, cancel);
  if (!response.ok()) throw_hub_error(response, request, id);
  const Json answer = parse_json(response.body, Url(source.endpoint).host());
  HubListing listing = modelscope ? modelscope_listing(answer, revision) : hugging_face_listing(answer);
  std::set<std::string> names;
  for (const HubFile& file : listing.files) {
    if (!names.insert(file.name).second) {
      throw Error(ErrorCode::bad_weights, message("{}: the hub lists it twice", file.name));
    }
  }
  return listing;
}

std::vector<HubFile> choose_files(const HubListing& listing, const std::vector<std::string>& wanted) {
  std::vector<HubFile> chosen = filtered(listing.files, [](const HubFile& file) { return is_description(file.name); });
  bool own_weights = false, own_gguf = false, own_projector = false;
  for (const std::string& text : wanted) {
    const HubFile& file = wanted_file(listing.files, text);
    const bool gguf = ends_with(file.name, ".gguf");
    own_gguf = own_gguf || (gguf && !is_projector(file.name));
    own_projector = own_projector || (gguf && is_projector(file.name));
    own_weights = own_weights || gguf || ends_with(file.name, ".safetensors") || ends_with(file.name, ".bin");
    if (!is_description(file.name)) add_file_and_its_parts(listing.files, file, chosen);
  }
  if (own_gguf && !own_projector) add_projector(listing.files, chosen);
  if (own_weights) return chosen;
  const auto weights = weights_among(listing.files);
  if (weights.empty()) {
    throw Error(ErrorCode::unsupported_model, message("this model has no weights that Gaze reads"),
                message("safetensors, PyTorch .bin and GGUF work"));
  }
  for (const HubFile& file : weights) {
    if (std::none_of(chosen.begin(), chosen.end(), [&](const HubFile& other) { return other.name == file.name; }))
      chosen.push_back(file);
  }
  return chosen;
}

}  // namespace gaze
