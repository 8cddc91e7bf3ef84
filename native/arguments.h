#pragma once

#include <climits>
#include <cmath>
#include <cstdint>
#include <napi.h>
#include <string>

namespace node_dlb {

// Throws the TypeError for wrong use of the addon, with a code of lib/errors.ts. If JS has thrown
// meanwhile, for example in a getter, that exception becomes the error's cause. If the thread is
// being terminated, nothing can be thrown, and nothing has to be.
inline void ThrowWrongUse(Napi::Env env, const char* code, const std::string& message) {
  napi_value cause = nullptr;
  if (env.IsExceptionPending()) napi_get_and_clear_last_exception(env, &cause);
  napi_value name = nullptr;
  napi_value text = nullptr;
  napi_value error = nullptr;
  napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &name);
  napi_create_string_utf8(env, message.c_str(), message.size(), &text);
  if (napi_create_type_error(env, name, text, &error) != napi_ok) return;
  if (cause != nullptr) napi_set_named_property(env, error, "cause", cause);
  napi_throw(env, error);
}

// Whether a value is a whole number from `min` to `max`; `out` receives it. Node-API's own
// conversions turn NaN into 0 and cut numbers that are too large.
inline bool ReadWhole(napi_env env, napi_value value, double min, double max, double* out) {
  return value != nullptr && napi_get_value_double(env, value, out) == napi_ok && *out >= min && *out <= max &&
         std::trunc(*out) == *out;
}

// The arguments of a call from JS. Each is read as one type and never coerced. The first argument
// that has another type throws a TypeError; from then on `ok()` is false, and the values that were
// read must not be used. Whatever JS passes, nothing else happens.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : env_(info.Env()), info_(info) {}

  bool ok() const { return ok_; }

  double Whole(size_t index, double min, double max) {
    double value = 0;
    if (ReadWhole(env_, info_[index], min, max, &value)) return value;
    Refuse(index, "a whole number from " + Shown(min) + " to " + Shown(max));
    return min;
  }
  int Int(size_t index, int min, int max) { return static_cast<int>(Whole(index, min, max)); }
  uint32_t Count(size_t index, uint32_t max = UINT32_MAX) { return static_cast<uint32_t>(Whole(index, 0, max)); }
  // A descriptor's number. Whether it is open is not checked.
  int Fd(size_t index) { return Int(index, 0, INT_MAX); }
  bool Bool(size_t index) {
    bool value = false;
    if (napi_get_value_bool(env_, info_[index], &value) != napi_ok) Refuse(index, "true or false");
    return value;
  }
  // A string without zero bytes, since C would end it there.
  std::string Text(size_t index) {
    const Napi::Value value = info_[index];
    std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
    if (text.empty() || text.find('\0') != std::string::npos) {
      Refuse(index, "a string, not empty and without zero bytes");
    }
    return text;
  }
  Napi::Function Function(size_t index) {
    if (!info_[index].IsFunction()) Refuse(index, "a function");
    return info_[index].As<Napi::Function>();
  }
  // The memory may be shared. An array whose memory was transferred away is empty.
  Napi::Int32Array Int32Array(size_t index) {
    if (!IsArrayOf(index, napi_int32_array)) Refuse(index, "an Int32Array");
    return info_[index].As<Napi::Int32Array>();
  }
  Napi::Uint8Array Bytes(size_t index) {
    if (!IsArrayOf(index, napi_uint8_array)) Refuse(index, "a Uint8Array");
    return info_[index].As<Napi::Uint8Array>();
  }

  // An object of the class T, which has tagged it with T::kTag. The tag is checked, because
  // unwrapping an object of another class would treat that object's memory as a T. (V8 itself
  // refuses to call a method on an object of another class.)
  template <typename T>
  T* Object(size_t index) {
    const Napi::Value value = info_[index];
    bool is_ours = false;
    void* object = nullptr;
    if (value.IsObject() && napi_check_object_type_tag(env_, value, &T::kTag, &is_ours) == napi_ok && is_ours &&
        napi_unwrap(env_, value, &object) == napi_ok) {
      return static_cast<T*>(object);
    }
    Refuse(index, std::string("a ") + T::kName);
    return nullptr;
  }

  void Refuse(size_t index, const std::string& wanted) {
    if (!ok_) return;
    ok_ = false;
    ThrowWrongUse(env_, "ERR_DLB_INVALID_ARGUMENT", "argument " + std::to_string(index + 1) + " has to be " + wanted);
  }

 private:
  static std::string Shown(double whole) { return std::to_string(static_cast<int64_t>(whole)); }

  bool IsArrayOf(size_t index, napi_typedarray_type type) const {
    const Napi::Value value = info_[index];
    return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
  }

  Napi::Env env_;
  const Napi::CallbackInfo& info_;
  bool ok_ = true;
};

}  // namespace node_dlb
