// What commands that can call a remote model share.
#pragma once

#include "cli/command.h"
#include "cli/output.h"

namespace gaze::cli {

// --no-cache, --dry-run
Option no_cache_option();
Option dry_run_option();

// Prints what `--dry-run` shows: for people with long strings cut, for programs whole.
void print_request(Output& output, const OrderedJson& request);

}  // namespace gaze::cli
