#include "system_error.h"

#include <string>
#include <uv.h>

namespace node_dlb {

Napi::Error SystemError::ToError(Napi::Env env) const {
  char name[32];
  char text[128];
  uv_err_name_r(-code, name, sizeof name);
  uv_strerror_r(-code, text, sizeof text);
  Napi::Error error = Napi::Error::New(env, std::string(call) + ' ' + name + ": " + text);
  error.Set("code", Napi::String::New(env, name));
  error.Set("errno", Napi::Number::New(env, -code));
  error.Set("syscall", Napi::String::New(env, call));
  return error;
}

}  // namespace node_dlb
