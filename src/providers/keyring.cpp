#include "providers/keyring.h"

#ifdef GAZE_KEYRING
#include <cstdlib>
#include <filesystem>

#include <libsecret/secret.h>

#include "base/log.h"
#include "base/message.h"
#endif

namespace gaze {

#ifdef GAZE_KEYRING

namespace {

// Without a session bus there is no keyring, and libsecret would try to start a bus.
bool has_session_bus() {
  const char* address = std::getenv("DBUS_SESSION_BUS_ADDRESS");
  if (address && *address) return true;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::error_code ignored;
  return runtime && *runtime && std::filesystem::exists(std::filesystem::path(runtime) / "bus", ignored);
}

}  // namespace

Secret key_from_keyring(const std::string& entry) {
  if (!has_session_bus()) return Secret();
  static const SecretSchema schema{"gaze",
                                   SECRET_SCHEMA_DONT_MATCH_NAME,
                                   {{"application", SECRET_SCHEMA_ATTRIBUTE_STRING},
                                    {"service", SECRET_SCHEMA_ATTRIBUTE_STRING},
                                    {nullptr, SECRET_SCHEMA_ATTRIBUTE_STRING}},
                                   0,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr};
  GError* error = nullptr;
  gchar* found =
      secret_password_lookup_sync(&schema, nullptr, &error, "application", "gaze", "service", entry.c_str(), nullptr);
  if (error) {
    log_detail(message("the keyring cannot be read: {}", error->message));
    g_error_free(error);
  }
  Secret secret(found ? found : "");
  secret_password_free(found);
  return secret;
}

#else

Secret key_from_keyring(const std::string&) {
  return Secret();
}

#endif

}  // namespace gaze
