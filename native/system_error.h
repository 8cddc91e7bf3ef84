#pragma once

#include <napi.h>

namespace node_dlb {

// Why a system call failed: its errno and its name. `code` 0 means that nothing failed.
struct SystemError {
  int code = 0;
  const char* call = "";

  explicit operator bool() const { return code != 0; }

  // An Error as Node makes them: `code` ('EADDRINUSE'), `errno` (negative, as libuv has it) and
  // `syscall`. JS thread of `env`; the caller has a handle scope open.
  Napi::Error ToError(Napi::Env env) const;
};

}  // namespace node_dlb
