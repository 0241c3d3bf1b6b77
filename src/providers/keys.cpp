#include "providers/keys.h"

#include <cstdlib>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/keyring.h"

namespace gaze {
namespace {

Secret from_environment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value && *value) return Secret(value);
  }
  return Secret();
}

Secret from_file(const std::string& entry) {
  const std::filesystem::path path = keys_file();
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Secret();
  if (status.st_mode & 077) {
    throw Error(ErrorCode::unauthorized, message("{}: others can read this file of keys", display(path)),
                message("run: chmod 600 {}", display(path)));
  }
  return Secret(text_at(read_json_file(path), entry.c_str()));
}

Secret kept(const std::string& entry) {
  Secret key = from_file(entry);
  return key.empty() ? key_from_keyring(entry) : key;
}

Secret first(const Secret& one, const std::string& entry) {
  return one.empty() ? kept(entry) : one;
}

// Services with OpenAI's interface and a customary environment variable of their own.
constexpr std::pair<const char*, const char*> kKnownHosts[] = {
    {"openrouter.ai", "OPENROUTER_API_KEY"},
    {"dashscope.aliyuncs.com", "DASHSCOPE_API_KEY"},
    {"api.moonshot.cn", "MOONSHOT_API_KEY"},
    {"api.moonshot.ai", "MOONSHOT_API_KEY"},
    {"open.bigmodel.cn", "ZAI_API_KEY"},
    {"api.z.ai", "ZAI_API_KEY"},
    {"dashscope-intl.aliyuncs.com", "DASHSCOPE_API_KEY"},
};

Secret compatible_key(const ModelSpec& spec) {
  const Url url(spec.base_url);
  if (Secret key = url.is_loopback() ? from_file(url.host()) : kept(url.host()); !key.empty()) return key;
  for (const auto& [host, variable] : kKnownHosts) {
    if (url.host() == host) return from_environment({variable});
  }
  const char* openai = std::getenv("OPENAI_BASE_URL");
  const Url official(openai && *openai ? openai : "https://api.openai.com/v1");
  if (url.origin() == official.origin() || url.is_loopback()) return from_environment({"OPENAI_API_KEY"});
  return Secret();
}

}  // namespace

std::filesystem::path keys_file() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path folder =
      config && *config ? std::filesystem::path(config) : std::filesystem::path(home ? home : "") / ".config";
  return folder / "gaze" / "keys.json";
}

Secret find_key(const ModelSpec& spec) {
  switch (spec.service) {
    case Service::openai:
      return first(from_environment({"OPENAI_API_KEY"}), "openai");
    case Service::azure:
      return first(from_environment({"AZURE_OPENAI_API_KEY"}), "azure");
    case Service::gemini:
      return first(from_environment({"GOOGLE_API_KEY", "GEMINI_API_KEY"}), "gemini");
    case Service::compatible:
      return compatible_key(spec);
  }
  return Secret();
}

Secret find_hub_token(bool modelscope) {
  return modelscope ? first(from_environment({"MODELSCOPE_API_TOKEN"}), "modelscope")
                    : first(from_environment({"HF_TOKEN"}), "huggingface");
}

}  // namespace gaze
