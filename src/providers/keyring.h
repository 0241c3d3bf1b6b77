// Keys in the desktop's keyring (GNOME Keyring, KWallet, KeePassXC), through libsecret.
#pragma once

#include <string>

#include "providers/redact.h"

namespace gaze {

// What `secret-tool store --label Gaze application gaze service ENTRY` put there; empty where there is none, no keyring
// runs in this session, or Gaze was built without libsecret (the build says so). May ask the person to unlock it.
Secret key_from_keyring(const std::string& entry);

}  // namespace gaze
