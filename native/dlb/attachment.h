#pragma once

#include <memory>
#include <napi.h>

#include "domain.h"
#include "watcher.h"

namespace node_dlb::dlb {

// A port in the hands of one thread, as a JS object: NativeDlbPort in lib/native-dlb.ts.
//
// Its methods are functions with a pointer to this as their data, and not a class's: finding the object behind `this` costs more
// than the call. They are of use only through the object, which keeps this alive.
//
// Thread: the environment's. Ownership: the JS object's.
class Attachment {
 public:
  // attachPort(domain, directed, id, thread, polls): the object, or a PortCode.
  static Napi::Value Attach(const Napi::CallbackInfo& info);

  // The thread ends.
  void Abandon();

 private:
  Attachment(Environment* environment, std::shared_ptr<Port> port, uint64_t ticket, bool polls);
  ~Attachment();

  static napi_value Send(napi_env env, napi_callback_info info);
  static napi_value Forward(napi_env env, napi_callback_info info);
  static napi_value Receive(napi_env env, napi_callback_info info);
  static napi_value ReceiveWithoutPop(napi_env env, napi_callback_info info);
  static napi_value AdvancedSend(napi_env env, napi_callback_info info);
  static napi_value Release(napi_env env, napi_callback_info info);
  static napi_value Pop(napi_env env, napi_callback_info info);
  static napi_value Unreleased(napi_env env, napi_callback_info info);
  static napi_value Link(napi_env env, napi_callback_info info);
  static napi_value Unlink(napi_env env, napi_callback_info info);
  static napi_value SetEnabled(napi_env env, napi_callback_info info);
  static napi_value SetWaitProfile(napi_env env, napi_callback_info info);
  static napi_value WaitProfile(napi_env env, napi_callback_info info);
  static napi_value Watch(napi_env env, napi_callback_info info);
  static napi_value Hold(napi_env env, napi_callback_info info);
  static napi_value Detach(napi_env env, napi_callback_info info);
  static Napi::Object ToObject(Napi::Env env, Attachment* self);

  Environment* const environment_;
  const std::shared_ptr<Port> port_;
  const uint64_t ticket_;
  const bool polls_;
  bool held_ = true;
  Watcher* watcher_ = nullptr;
};

}  // namespace node_dlb::dlb
