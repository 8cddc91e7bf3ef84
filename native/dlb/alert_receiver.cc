#include "alert_receiver.h"

#include <iterator>

namespace node_dlb::dlb {

AlertReceiver::AlertReceiver(Napi::Env env, std::shared_ptr<Domain> domain, Napi::Function callback)
    : env_(env),
      environment_(Environment::Of(env)),
      domain_(std::move(domain)),
      callback_(Napi::Persistent(callback)) {}

AlertReceiver* AlertReceiver::Open(Napi::Env env, std::shared_ptr<Domain> domain, Napi::Function callback) {
  auto* self = new AlertReceiver(env, std::move(domain), callback);
  if (uv_async_init(self->environment_->loop(), &self->wake_, OnWake) != 0) {
    delete self;
    return nullptr;
  }
  auto* const handle = reinterpret_cast<uv_handle_t*>(&self->wake_);
  uv_unref(handle);
  self->wake_.data = self;
  self->environment_->Add(self);
  self->domain_->alerts().Wake(&self->wake_);
  return self;
}

void AlertReceiver::Finish() {
  if (closing_) return;
  finishing_ = true;
  uv_async_send(&wake_);
}

void AlertReceiver::Close() {
  if (closing_) return;
  closing_ = true;
  // After this call, the alert thread does not touch the handle.
  domain_->alerts().Wake(nullptr);
  callback_.Reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), [](uv_handle_t* handle) {
    auto* const self = static_cast<AlertReceiver*>(handle->data);
    self->environment_->Remove(self);
    delete self;
  });
}

void AlertReceiver::OnWake(uv_async_t* handle) {
  auto* const self = static_cast<AlertReceiver*>(handle->data);
  for (const abi::Alert& alert : self->domain_->alerts().Take()) {
    if (!self->closing_) self->Call(alert);
  }
  if (self->finishing_) self->Close();
}

void AlertReceiver::Call(const abi::Alert& alert) {
  Napi::HandleScope scope(env_);
  const bool is_reset =
      alert.id == abi::kDeviceReset ? domain_->ConfirmReset() : alert.id == abi::kDomainReset && domain_->closed();
  const napi_value arguments[] = {
      Napi::Number::New(env_, alert.id),
      Napi::Number::New(env_, static_cast<double>(alert.data)),
      Napi::Boolean::New(env_, is_reset),
  };
  const Napi::Function callback = callback_.Value();
  const napi_status status =
      napi_make_callback(env_, nullptr, env_.Global(), callback, std::size(arguments), arguments, nullptr);
  if (status == napi_ok || !env_.IsExceptionPending()) return;
  napi_fatal_exception(env_, env_.GetAndClearPendingException().Value());
}

}  // namespace node_dlb::dlb
