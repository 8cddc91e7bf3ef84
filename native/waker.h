#pragma once

#include <cstdint>
#include <napi.h>
#include <uv.h>

#include "environment.h"

namespace node_dlb {

// Has a function called on its environment's loop when any thread of the process asks for it by its
// number. Asking again before the call has no further effect. It does not keep the loop alive.
//
// Thread: the loop's; Wake: any. Ownership: deletes itself after Close, once the loop has let go of
// its handle; the environment closes it if nobody else does.
class Waker final : public LoopUser {
 public:
  // Its number is never used again.
  static Waker* Open(Napi::Env env, Napi::Function callback);
  // Whoever has the number may call it at any time: a waker that is closed, or never was, is not
  // woken.
  static void Wake(uint32_t number);

  uint32_t number() const { return number_; }
  // The callback is not called any more. Safe to repeat.
  void Close() override;

  // (function) => number; number => undefined; number => undefined
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
