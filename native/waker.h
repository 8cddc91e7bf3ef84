#pragma once

#include <cstdint>
#include <napi.h>
#include <uv.h>

#include "environment.h"

namespace node_dlb {

// Calls a JS function on its environment's loop when any thread of the process asks for it by the
// waker's number. Asking again before the call has no further effect. A waker does not keep the
// loop alive.
//
// Thread: the loop's; Wake: any. Ownership: as for every LoopUser.
class Waker final : public LoopUser {
 public:
  // Returns null if the loop has no descriptor for it.
  static Waker* Open(Napi::Env env, Napi::Function callback);
  // May be called at any time: a number without an open waker has no effect.
  static void Wake(uint32_t number);

  uint32_t number() const { return number_; }
  // The callback is not called after this.
  void Close() override;

  // (function) => the waker's number; (number) => undefined; (number of a waker of this
  // environment) => undefined
  static Napi::Value OpenForJs(const Napi::CallbackInfo& info);
  static Napi::Value WakeForJs(const Napi::CallbackInfo& info);
  static Napi::Value CloseForJs(const Napi::CallbackInfo& info);

 private:
  Waker(Napi::Env env, Napi::Function callback);
  ~Waker() = default;

  static Waker* Find(uint32_t number, const Environment* owner);
  static void OnWake(uv_async_t* async);
  void Call();

  Napi::Env env_;
  Environment* environment_;
  Napi::FunctionReference callback_;
  uint32_t number_ = 0;
  bool closing_ = false;
  uv_async_t async_{};
};

}  // namespace node_dlb
