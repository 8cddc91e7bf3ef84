#pragma once

#include <memory>
#include <napi.h>

#include "alert_receiver.h"
#include "domain.h"

namespace node_dlb::dlb {

// The JS class DlbDomain: new DlbDomain(device, config) creates one, new DlbDomain(key) takes one that another thread has
// created; the object is empty (isOpen() is false) if there is none. lib/native-dlb.ts types it.
class JsDomain : public Napi::ObjectWrap<JsDomain> {
 public:
  static Napi::Function Define(Napi::Env env);
  // Null if the thread is ending.
  static std::shared_ptr<Domain> Of(const Napi::Value& value);

  explicit JsDomain(const Napi::CallbackInfo& info);

 private:
  Napi::Value Facts(const Napi::CallbackInfo& info);
  Napi::Value IsOpen(const Napi::CallbackInfo& info);
  Napi::Value CreateLoadBalancedQueue(const Napi::CallbackInfo& info);
  Napi::Value CreateDirectedQueue(const Napi::CallbackInfo& info);
  Napi::Value CreatePort(const Napi::CallbackInfo& info);
  void SetSequenceNumbers(const Napi::CallbackInfo& info);
  void Start(const Napi::CallbackInfo& info);
  Napi::Value IsStarted(const Napi::CallbackInfo& info);
  Napi::Value HasPort(const Napi::CallbackInfo& info);
  Napi::Value Target(const Napi::CallbackInfo& info);
  Napi::Value SetEnabled(const Napi::CallbackInfo& info);
  Napi::Value Recover(const Napi::CallbackInfo& info);
  Napi::Value Peek(const Napi::CallbackInfo& info);
  Napi::Value TakeFrom(const Napi::CallbackInfo& info, int (Port::*take)(abi::Event*, uint32_t));
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value Statistic(const Napi::CallbackInfo& info);
  Napi::Value DepthCounter(const Napi::CallbackInfo& info);
  void ResetDepthCounter(const Napi::CallbackInfo& info);
  void OnAlert(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  bool Throw(const SystemError& error);

  std::shared_ptr<Domain> domain_;
  AlertReceiver* receiver_ = nullptr;
};

}  // namespace node_dlb::dlb
