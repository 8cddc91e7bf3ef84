#pragma once

#include <memory>
#include <napi.h>

#include "domain.h"
#include "watcher.h"

namespace node_dlb::dlb {

// A port that one thread has attached, as a JS object: NativeDlbPort in lib/native-dlb.ts.
//
// Its methods are functions with a pointer to this object as their data, and not methods of a
// class, because finding the object behind `this` would cost more than the call. They are usable
// only through the JS object, which keeps this one alive.
//
// Converting arguments would cost as much. The arguments and results of the data path are therefore
// in memory that JS sees too (Call), and the events are in memory that JS has lent before (Lend).
//
// Thread: the environment's. Ownership: the JS object's.
class Attachment {
 public:
  // (domain, directed, id, thread, polls) => the object, or a PortCode
  static Napi::Value Attach(const Napi::CallbackInfo& info);

  // To be called when the thread ends.
  void Abandon();

 private:
  Attachment(Environment* environment, std::shared_ptr<Port> port, uint64_t ticket, bool polls);
  ~Attachment();

  // lib/device/dlb/call.ts has the same layout.
  struct Call {
    int32_t count;
    int32_t offset;
    int32_t result;
    int32_t unused;
  };
  // An EventBuffer's memory. JS keeps it alive, and makes no more calls once it has transferred it
  // away.
  struct Lent {
    abi::Event* events = nullptr;
    size_t length = 0;
  };

  static Attachment* Self(napi_env env, napi_callback_info info);
  template <auto kMethod, auto kLent>
  static napi_value WithEvents(napi_env env, napi_callback_info info);
  template <auto kMethod>
  static napi_value WithCount(napi_env env, napi_callback_info info);
  static napi_value Lend(napi_env env, napi_callback_info info);
  static napi_value Unreleased(napi_env env, napi_callback_info info);
  static napi_value Link(napi_env env, napi_callback_info info);
  static napi_value Unlink(napi_env env, napi_callback_info info);
  static napi_value SetEnabled(napi_env env, napi_callback_info info);
  static napi_value SetWaitProfile(napi_env env, napi_callback_info info);
  static napi_value WaitProfile(napi_env env, napi_callback_info info);
  static napi_value Watch(napi_env env, napi_callback_info info);
  static napi_value Hold(napi_env env, napi_callback_info info);
  static napi_value Detach(napi_env env, napi_callback_info info);
  Napi::Object ToObject(Napi::Env env);

  Environment* const environment_;
  const std::shared_ptr<Port> port_;
  const uint64_t ticket_;
  const bool polls_;
  bool held_ = true;
  Watcher* watcher_ = nullptr;
  // The JS object owns the memory.
  Call* call_ = nullptr;
  Lent sent_;
  Lent received_;
};

}  // namespace node_dlb::dlb
