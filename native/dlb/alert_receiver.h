#pragma once

#include <memory>
#include <napi.h>

#include "../environment.h"
#include "domain.h"

namespace node_dlb::dlb {

// Passes a domain's alerts to JS, on the loop of the thread that created the domain. It does not
// keep the loop alive. Thread: the loop's. Ownership: as for every LoopUser.
class AlertReceiver final : public LoopUser {
 public:
  // The callback is called with (id, data, isReset). `isReset` is true if the ports confirm that
  // the device was reset, or if the domain was reset. Returns null if the loop has no descriptor
  // for it.
  static AlertReceiver* Open(Napi::Env env, std::shared_ptr<Domain> domain, Napi::Function callback);
  // To be called when the domain is closed: passes on the alerts that have come, and closes.
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
