// What commands that can call a remote model share.
#pragma once

#include "base/error.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/settings.h"

namespace gaze::cli {

// --no-cache, --dry-run
Option no_cache_option();
Option dry_run_option();

// --route MODEL: whom to ask where the model here cannot answer or is not sure; empty: nobody.
// Errors: usage (no remote model).
Option route_option();
std::string route_of(const Settings& settings);
// False for failures that the remote model would meet as well: a picture that cannot be read, a stop.
bool helps_to_ask_elsewhere(const Error& error);

// Prints what `--dry-run` shows: for people with long strings cut, for programs whole.
void print_request(Output& output, const OrderedJson& request);

}  // namespace gaze::cli
