#pragma once

#include <memory>
#include <napi.h>

#include "../environment.h"
#include "domain.h"

namespace node_dlb::dlb {

// Hands a domain's alerts to JS, on the loop of the thread that created it. Does not hold the loop
// open. Thread: the loop's. Ownership: as Watcher's.
class AlertReceiver final : public LoopUser {
 public:
  // callback(id, data, isReset); `isReset`: the ports confirm that the device was reset, or the
  // domain was. Null if the loop has nothing to be woken with.
  static AlertReceiver* Open(Napi::Env env, std::shared_ptr<Domain> domain, Napi::Function callback);
  // The domain is closed: hands on what has come, and closes.
  void Finish();
  void Close() override;

 private:
  AlertReceiver(Napi::Env env, std::shared_ptr<Domain> domain, Napi::Function callback);
  ~AlertReceiver() = default;
  static void OnWake(uv_async_t* handle);
  void Call(const abi::Alert& alert);

  Napi::Env env_;
  Environment* environment_;
  std::shared_ptr<Domain> domain_;
  Napi::FunctionReference callback_;
  bool finishing_ = false;
  bool closing_ = false;
  uv_async_t wake_{};
};

}  // namespace node_dlb::dlb
