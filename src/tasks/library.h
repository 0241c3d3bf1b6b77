// What the doors need of the library beside indexing and searching: opening it, and its own housekeeping.
#pragma once

#include "catalog/library.h"
