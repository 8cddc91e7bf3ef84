#include "library.h"

#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>

namespace node_dlb::dlb {
namespace {

std::string FileOf(void* symbol, const std::string& name) {
  Dl_info info{};
  return dladdr(symbol, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : name;
}

// Describes a library that lacks dlb_open. The Barcelona Supercomputing Center's DLB, for MPI and
// OpenMP programs, has the same file name. Invariant: no function of a library is called before the
// library is known to be Intel's.
std::string WhatItIs(void* handle, const std::string& name) {
  void* const foreign = dlsym(handle, "DLB_Init");
  if (foreign != nullptr) {
    return FileOf(foreign, name) +
           " is another project's library of the same name (the Barcelona Supercomputing Center's DLB)";
  }
  return name + " is not Intel's libdlb: it has no dlb_open";
}

template <typename Function>
bool Resolve(void* handle, const char* name, Function* out) {
  *out = reinterpret_cast<Function>(dlsym(handle, name));
  return *out != nullptr;
}

std::string Fill(void* handle, const std::string& name, Library* library) {
  void* const open = dlsym(handle, "dlb_open");
  if (open == nullptr) return WhatItIs(handle, name);
  library->path = FileOf(open, name);
  library->stand_in = dlsym(handle, "dlb_sim_version") != nullptr;
  const char* missing = nullptr;
#define NODE_DLB_RESOLVE(result, function, arguments) \
  if (!Resolve(handle, "dlb_" #function, &library->function)) missing = "dlb_" #function;
  // The list of required functions comes last, so that `missing` names one of them.
  NODE_DLB_OPTIONAL_FUNCTIONS(NODE_DLB_RESOLVE)
  missing = nullptr;
  NODE_DLB_FUNCTIONS(NODE_DLB_RESOLVE)
#undef NODE_DLB_RESOLVE
  if (missing == nullptr) return {};
  return library->path + " lacks " + missing + ": it is not Intel's libdlb, or older than 8.8";
}

}  // namespace

const Library* LoadLibrary(const std::string& name, std::string* problem) {
  static std::mutex mutex;
  static auto* const loaded = new std::map<void*, std::unique_ptr<Library>>;
  const std::lock_guard<std::mutex> lock(mutex);
  // RTLD_LOCAL keeps other libraries from binding to its symbols. With RTLD_NOW, a symbol that
  // cannot be resolved fails here.
  void* const handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    *problem = dlerror();
    return nullptr;
  }
  const auto found = loaded->find(handle);
  if (found != loaded->end()) {
    dlclose(handle);
    return found->second.get();
  }
  auto library = std::make_unique<Library>();
  *problem = Fill(handle, name, library.get());
  if (!problem->empty()) {
    dlclose(handle);
    return nullptr;
  }
  return loaded->emplace(handle, std::move(library)).first->second.get();
}

}  // namespace node_dlb::dlb
