#pragma once

#include <cstdint>
#include <napi.h>
#include <string>

#include "arguments.h"

namespace node_dlb {

// The properties of an object that JS passes. Each is read as one type and never coerced.
//
// A thread can be terminated in the middle of a call of the addon. From then on, every Node-API
// function that could run JS fails: reading properties, unwrapping, coercing, making functions and
// buffers. Reading and making primitive values still works. node-addon-api answers such a failure
// with an empty value, and aborts the process when that is used. For this reason, arguments are
// taken as they are (`As`), never coerced (`To…`), and properties are read here. `all()` is false
// in the end if a property had another type or could not be read (a getter threw), or if the thread
// is ending; then the values that were read must not be used.
class Properties {
 public:
  explicit Properties(const Napi::Value& object) : env_(object.Env()), object_(object) {}

  bool all() const { return all_; }

  bool Has(const char* name) {
    bool has = false;
    Note(napi_has_named_property(env_, object_, name, &has));
    return has;
  }
  uint32_t Count(const char* name) { return Count(Get(name)); }
  int32_t Int(const char* name) { return static_cast<int32_t>(Whole(Get(name), INT32_MIN, INT32_MAX)); }
  bool Bool(const char* name) {
    bool value = false;
    Note(napi_get_value_bool(env_, Get(name), &value));
    return value;
  }
  // A string without zero bytes, since C would end it there. The first byte may be zero: such a
  // string is the name of an abstract socket.
  std::string Text(const char* name) {
    const napi_value value = Get(name);
    size_t length = 0;
    Note(napi_get_value_string_utf8(env_, value, nullptr, 0, &length));
    std::string text(length, '\0');
    if (all_) Note(napi_get_value_string_utf8(env_, value, text.data(), length + 1, &length));
    all_ = all_ && (text[0] == '\0' || text.find('\0') == std::string::npos);
    return text;
  }
  // An array of kLength numbers.
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
    if (all_) Note(napi_get_named_property(env_, object_, name, &value));
    return value;
  }
  double Whole(napi_value from, double min, double max) {
    double value = 0;
    all_ = all_ && ReadWhole(env_, from, min, max, &value);
    return all_ ? value : 0;
  }
  uint32_t Count(napi_value from) { return static_cast<uint32_t>(Whole(from, 0, UINT32_MAX)); }

  napi_env env_;
  napi_value object_;
  bool all_ = true;
};

}  // namespace node_dlb
