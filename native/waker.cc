#include "waker.h"

#include <cerrno>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "arguments.h"
#include "system_error.h"

namespace node_dlb {
namespace {

// The open wakers of all threads. A thread that wakes one holds the lock meanwhile, so that the
// waker's own thread cannot close it.
struct Table {
  std::shared_mutex mutex;
  std::unordered_map<uint32_t, Waker*> wakers;
  uint32_t last = 0;
};

// The table is never destroyed: other threads may still run when static objects are destroyed.
Table& Wakers() {
  static auto* const table = new Table;
  return *table;
}

}  // namespace

Waker::Waker(Napi::Env env, Napi::Function callback)
    : env_(env), environment_(Environment::Of(env)), callback_(Napi::Persistent(callback)) {}

Waker* Waker::Open(Napi::Env env, Napi::Function callback) {
  auto* const self = new Waker(env, callback);
  if (uv_async_init(self->environment_->loop(), &self->async_, OnWake) != 0) {
    delete self;
    return nullptr;
  }
  uv_unref(reinterpret_cast<uv_handle_t*>(&self->async_));
  self->async_.data = self;
  self->environment_->Add(self);
  Table& table = Wakers();
  const std::unique_lock<std::shared_mutex> lock(table.mutex);
  self->number_ = ++table.last;
  table.wakers.emplace(self->number_, self);
  return self;
}

void Waker::Wake(uint32_t number) {
  Table& table = Wakers();
  const std::shared_lock<std::shared_mutex> lock(table.mutex);
  const auto found = table.wakers.find(number);
  if (found != table.wakers.end()) uv_async_send(&found->second->async_);
}

// Returns null if the owner has no waker with this number. Only its own thread closes a waker, so
// the pointer stays valid there.
Waker* Waker::Find(uint32_t number, const Environment* owner) {
  Table& table = Wakers();
  const std::shared_lock<std::shared_mutex> lock(table.mutex);
  const auto found = table.wakers.find(number);
  return found == table.wakers.end() || found->second->environment_ != owner ? nullptr : found->second;
}

void Waker::Close() {
  if (closing_) return;
  closing_ = true;
  {
    Table& table = Wakers();
    const std::unique_lock<std::shared_mutex> lock(table.mutex);
    table.wakers.erase(number_);
  }
  callback_.Reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), [](uv_handle_t* handle) {
    auto* const self = static_cast<Waker*>(handle->data);
    self->environment_->Remove(self);
    delete self;
  });
}

void Waker::OnWake(uv_async_t* async) {
  auto* const self = static_cast<Waker*>(async->data);
  if (!self->closing_) self->Call();
}

void Waker::Call() {
  Napi::HandleScope scope(env_);
  const napi_status status = napi_make_callback(env_, nullptr, env_.Global(), callback_.Value(), 0, nullptr, nullptr);
  if (status == napi_ok || !env_.IsExceptionPending()) return;
  napi_fatal_exception(env_, env_.GetAndClearPendingException().Value());
}

Napi::Value Waker::OpenForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Function callback = arguments.Function(0);
  if (!arguments.ok()) return {};
  Waker* const waker = Open(info.Env(), callback);
  if (waker != nullptr) return Napi::Number::New(info.Env(), waker->number());
  SystemError{EMFILE, "uv_async_init"}.ToError(info.Env()).ThrowAsJavaScriptException();
  return info.Env().Undefined();
}

Napi::Value Waker::WakeForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t number = arguments.Count(0);
  if (arguments.ok()) Wake(number);
  return info.Env().Undefined();
}

Napi::Value Waker::CloseForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t number = arguments.Count(0);
  Waker* const waker = arguments.ok() ? Find(number, Environment::Of(info.Env())) : nullptr;
  if (waker != nullptr) waker->Close();
  return info.Env().Undefined();
}

}  // namespace node_dlb
