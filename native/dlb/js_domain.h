#pragma once

#include <memory>
#include <napi.h>

#include "../arguments.h"
#include "alert_receiver.h"
#include "domain.h"

namespace node_dlb::dlb {

// The JS class DlbDomain. `new DlbDomain(device, config)` creates a domain. `new DlbDomain(key)`
// finds a domain that another thread has created; the object is empty (isOpen() is false) if there
// is none. lib/native-dlb.ts types it.
class JsDomain : public Napi::ObjectWrap<JsDomain> {
 public:
  static Napi::Function Define(Napi::Env env);
  static constexpr const char* kName = "DlbDomain";
  static constexpr napi_type_tag kTag = {0x6e6f64655f646c62, 0x446c62446f6d6169};

  // Null if the key was no domain's.
  const std::shared_ptr<Domain>& domain() const { return domain_; }

  explicit JsDomain(const Napi::CallbackInfo& info);

  // Throws and returns false if its key was no domain's.
  bool Exists();

 private:
  Napi::Value Facts(const Napi::CallbackInfo& info);
  Napi::Value IsOpen(const Napi::CallbackInfo& info);
  Napi::Value CreateLoadBalancedQueue(const Napi::CallbackInfo& info);
  Napi::Value CreateDirectedQueue(const Napi::CallbackInfo& info);
  Napi::Value CreatePort(const Napi::CallbackInfo& info);
  void Start(const Napi::CallbackInfo& info);
  Napi::Value IsStarted(const Napi::CallbackInfo& info);
  Napi::Value HasPort(const Napi::CallbackInfo& info);
  Napi::Value Target(const Napi::CallbackInfo& info);
  Napi::Value SetEnabled(const Napi::CallbackInfo& info);
  Napi::Value Recover(const Napi::CallbackInfo& info);
  Napi::Value Peek(const Napi::CallbackInfo& info);
  bool Create(const Napi::CallbackInfo& info);
  bool FindPort(Arguments* arguments, std::shared_ptr<Port>* port);
  Napi::Value TakeFrom(const Napi::CallbackInfo& info, int (Port::*take)(abi::Event*, uint32_t));
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value Statistic(const Napi::CallbackInfo& info);
  Napi::Value DepthCounter(const Napi::CallbackInfo& info);
  void ResetDepthCounter(const Napi::CallbackInfo& info);
  void OnAlert(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  bool Throw(const SystemError& error);
  // Throws and returns false if its key was no domain's or the domain is closed.
  bool IsUsable();

  std::shared_ptr<Domain> domain_;
  AlertReceiver* receiver_ = nullptr;
};

}  // namespace node_dlb::dlb
