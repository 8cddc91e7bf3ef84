#pragma once

#include <cstdint>
#include <napi.h>
#include <string>

namespace node_dlb {

// The properties of an object that JS passes, each of the type that it is read as.
//
// A thread can be terminated in the middle of a call of ours. From then on, all of Node-API that could run JS fails:
// reading properties, unwrapping, coercing, making functions and buffers; reading and making primitive values goes on.
// node-addon-api answers such a failure with an empty value, and aborts the process when that is used. So arguments are
// taken as they are (`As`), never coerced (`To…`), and properties are read here: if `all()` is false in the end, the
// thread is ending, and nothing is to be done with what was read.
class Properties {
 public:
  explicit Properties(const Napi::Value& object) : env_(object.Env()), object_(object) {}

  bool all() const { return all_; }

  uint32_t Count(const char* name) { return Count(Get(name)); }
  int32_t Int(const char* name) {
    int32_t value = 0;
    Note(napi_get_value_int32(env_, Get(name), &value));
    return value;
  }
  bool Bool(const char* name) {
    bool value = false;
    Note(napi_get_value_bool(env_, Get(name), &value));
    return value;
  }
  std::string Text(const char* name) {
    const napi_value value = Get(name);
    size_t length = 0;
    Note(napi_get_value_string_utf8(env_, value, nullptr, 0, &length));
    std::string text(length, '\0');
    if (all_) Note(napi_get_value_string_utf8(env_, value, text.data(), length + 1, &length));
    return text;
  }
  // Of an array.
  template <size_t kLength>
  void Counts(const char* name, uint32_t (&values)[kLength]) {
    const napi_value array = Get(name);
    for (uint32_t i = 0; i < kLength; ++i) {
      napi_value value = nullptr;
      if (all_) Note(napi_get_element(env_, array, i, &value));
      values[i] = Count(value);
    }
  }

 private:
  void Note(napi_status status) { all_ = all_ && status == napi_ok; }
  napi_value Get(const char* name) {
    napi_value value = nullptr;
    Note(napi_get_named_property(env_, object_, name, &value));
    return value;
  }
  uint32_t Count(napi_value from) {
    uint32_t value = 0;
    Note(napi_get_value_uint32(env_, from, &value));
    return value;
  }

  napi_env env_;
  napi_value object_;
  bool all_ = true;
};

}  // namespace node_dlb
