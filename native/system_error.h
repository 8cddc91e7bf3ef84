#pragma once

#include <napi.h>

namespace node_dlb {

// A failed system call: its errno and the call's name. A `code` of 0 means that nothing failed.
struct SystemError {
  int code = 0;
  const char* call = "";

  explicit operator bool() const { return code != 0; }

  // Returns an Error like Node's own: `code` ('EADDRINUSE'), `errno` (negative, as in libuv) and
  // `syscall`. Thread: the JS thread of `env`; the caller has a handle scope open.
  Napi::Error ToError(Napi::Env env) const;
};

}  // namespace node_dlb
