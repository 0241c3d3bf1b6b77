// What the stubs of cmake/lazy_stubs.py call: a library is loaded when one of its functions is first called.
#include <cstdio>
#include <cstdlib>

#include <dlfcn.h>

namespace {

struct LazyFunction {  // a row of the stubs' table
  const char* library;
  const char* name;
  void* slot;  // where the stub jumps to
};

}  // namespace

// Thread-safe: whoever comes first, all find the same. A library that is not there ends the program as it would have
// ended at its start.
extern "C" void* gaze_lazy_load(LazyFunction* function) {
  void* library = ::dlopen(function->library, RTLD_LAZY | RTLD_LOCAL);
  void* found = library ? ::dlsym(library, function->name) : nullptr;
  if (!found) {
    std::fprintf(stderr, "gaze: error while loading shared libraries: %s\n", ::dlerror());
    std::_Exit(127);
  }
  __atomic_store_n(&function->slot, found, __ATOMIC_RELEASE);
  return found;
}
