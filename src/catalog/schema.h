// The library's tables, version by version (docs/formats.md, "Library").
#pragma once

#include <span>

#include "catalog/database.h"

namespace gaze {

// The statements that lead from version i to i + 1 stand at i. What was released is never changed, only added to.
std::span<const char* const> library_migrations();

// Brings an open database to the newest version, in one transaction: an empty one is filled, an old one is changed,
// one of today is only looked at. Errors: library_damaged (not a library, or from a newer Gaze), and Database's.
void prepare_schema(Database& database, std::span<const char* const> migrations = library_migrations());

}  // namespace gaze
