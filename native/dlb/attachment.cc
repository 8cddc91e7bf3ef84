#include "attachment.h"

#include <algorithm>
#include <climits>
#include <cstdint>

#include "js_domain.h"
#include "registry.h"

namespace node_dlb::dlb {
namespace {

constexpr int kLowestPriority = 7;

// A call of one of the object's functions.
struct JsCall : Napi::CallbackInfo, Arguments {
  JsCall(napi_env env, napi_callback_info info)
      : Napi::CallbackInfo(env, info), Arguments(*static_cast<Napi::CallbackInfo*>(this)) {}
  Attachment* self() const { return static_cast<Attachment*>(Data()); }
};

napi_value ToJs(napi_env env, int32_t value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return result;
}

}  // namespace

Attachment::Attachment(Environment* environment, std::shared_ptr<Port> port, uint64_t ticket, bool polls)
    : environment_(environment), port_(std::move(port)), ticket_(ticket), polls_(polls) {
  environment_->dlb().Add(this);
}

Attachment::~Attachment() {
  environment_->dlb().Remove(this);
  if (watcher_ != nullptr) watcher_->Close();
  port_->Detach(ticket_, false);
}

void Attachment::Abandon() {
  // The environment closes the watcher.
  watcher_ = nullptr;
  port_->Detach(ticket_, true);
}

// JS has checked these numbers, but they are in memory that can change, so they are checked again.
template <auto kMethod, auto kLent>
napi_value Attachment::WithEvents(napi_env env, napi_callback_info info) {
  auto* const self = Self(env, info);
  const int32_t count = self->call_->count;
  const int32_t offset = self->call_->offset;
  const auto& [events, length] = self->*kLent;
  const bool fits = count >= 0 && offset >= 0 && static_cast<size_t>(count) + static_cast<size_t>(offset) <= length;
  Port& port = *self->port_;
  self->call_->result =
      fits ? (port.*kMethod)(self->ticket_, events + offset, static_cast<uint32_t>(count)) : kBadRange;
  return nullptr;
}

template <auto kMethod>
napi_value Attachment::WithCount(napi_env env, napi_callback_info info) {
  auto* const self = Self(env, info);
  Port& port = *self->port_;
  self->call_->result = (port.*kMethod)(self->ticket_, static_cast<uint32_t>(self->call_->count));
  return nullptr;
}

Attachment* Attachment::Self(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  return static_cast<Attachment*>(data);
}

Napi::Value Attachment::Attach(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  JsDomain* const of = arguments.Object<JsDomain>(0);
  const bool directed = arguments.Bool(1);
  const int id = arguments.Int(2, 0, UINT8_MAX);
  const int thread = arguments.Int(3, 0, INT_MAX);
  const bool polls = arguments.Bool(4);
  if (!arguments.ok() || !of->Exists()) return {};
  const auto port = of->domain()->FindPort(directed, id);
  void* call = nullptr;
  napi_value memory = nullptr;
  // Either there is no such port, or the thread is ending.
  if (port == nullptr || napi_create_arraybuffer(env, sizeof(Call), &call, &memory) != napi_ok) return {};
  const uint64_t ticket = Registry::Get().NextTicket();
  const int code = port->Attach(ticket, thread);
  if (code != 0) return Napi::Number::New(env, code);
  auto* const self = new Attachment(Environment::Of(env), port, ticket, polls);
  self->call_ = static_cast<Call*>(call);
  Napi::Object object = self->ToObject(env);
  object.Set("call", Napi::Value(env, memory));
  object.AddFinalizer([](Napi::Env, Attachment* attachment) { delete attachment; }, self);
  return object;
}

Napi::Object Attachment::ToObject(Napi::Env env) {
  const struct {
    const char* name;
    napi_callback call;
  } methods[] = {
      {"lend", Lend},
      {"send", WithEvents<&Port::Send, &Attachment::sent_>},
      {"sendBeyond", WithEvents<&Port::SendBeyond, &Attachment::sent_>},
      {"forward", WithEvents<&Port::Forward, &Attachment::sent_>},
      {"advancedSend", WithEvents<&Port::AdvancedSend, &Attachment::sent_>},
      {"receive", WithEvents<&Port::Receive, &Attachment::received_>},
      {"receiveWithoutPop", WithEvents<&Port::ReceiveWithoutPop, &Attachment::received_>},
      {"release", WithCount<&Port::Release>},
      {"pop", WithCount<&Port::Pop>},
      {"unreleased", Unreleased},
      {"link", Link},
      {"unlink", Unlink},
      {"setEnabled", SetEnabled},
      {"setWaitProfile", SetWaitProfile},
      {"waitProfile", WaitProfile},
      {"watch", Watch},
      {"hold", Hold},
      {"detach", Detach},
  };
  Napi::Object object = Napi::Object::New(env);
  for (const auto& method : methods) {
    napi_value function = nullptr;
    napi_create_function(env, method.name, NAPI_AUTO_LENGTH, method.call, this, &function);
    napi_set_named_property(env, object, method.name, function);
    // This keeps the object alive as long as the function: otherwise the function could be called
    // with a pointer to a deleted object.
    const napi_property_descriptor keeps{"port", nullptr, nullptr, nullptr, nullptr, object, napi_default, nullptr};
    napi_define_properties(env, function, 1, &keeps);
  }
  return object;
}

// (receives, memory) => how many events the memory holds. The port sends from the memory or, with
// `receives`, receives into it. 0 means that it is not an ArrayBuffer, or was transferred away.
napi_value Attachment::Lend(napi_env env, napi_callback_info info) {
  JsCall call(env, info);
  auto* const self = call.self();
  const bool receives = call.Bool(0);
  if (!call.ok()) return nullptr;
  Lent& lent = receives ? self->received_ : self->sent_;
  void* data = nullptr;
  size_t bytes = 0;
  const bool is_there = napi_get_arraybuffer_info(env, call[1], &data, &bytes) == napi_ok;
  lent = is_there ? Lent{static_cast<abi::Event*>(data), bytes / sizeof(abi::Event)} : Lent{};
  return ToJs(env, static_cast<int32_t>(std::min<size_t>(lent.length, INT32_MAX)));
}

napi_value Attachment::Unreleased(napi_env env, napi_callback_info info) {
  auto* const self = Self(env, info);
  return ToJs(env, self->port_->Unreleased(self->ticket_));
}

// (queue, priority)
napi_value Attachment::Link(napi_env env, napi_callback_info info) {
  JsCall call(env, info);
  const int queue = call.Int(0, 0, UINT8_MAX);
  const int priority = call.Int(1, 0, kLowestPriority);
  auto* const self = call.self();
  return call.ok() ? ToJs(env, self->port_->Link(self->ticket_, queue, priority)) : nullptr;
}

napi_value Attachment::Unlink(napi_env env, napi_callback_info info) {
  JsCall call(env, info);
  const int queue = call.Int(0, 0, UINT8_MAX);
  auto* const self = call.self();
  return call.ok() ? ToJs(env, self->port_->Unlink(self->ticket_, queue)) : nullptr;
}

// (enabled, scheduling only)
napi_value Attachment::SetEnabled(napi_env env, napi_callback_info info) {
  JsCall call(env, info);
  const bool enabled = call.Bool(0);
  const bool sched_only = call.Bool(1);
  if (!call.ok()) return nullptr;
  auto* const self = call.self();
  if (const int code = self->port_->Use(self->ticket_)) return ToJs(env, code);
  return ToJs(env, self->port_->SetEnabled(enabled, sched_only));
}

// (type, timeout in ns, sleep in ns)
napi_value Attachment::SetWaitProfile(napi_env env, napi_callback_info info) {
  JsCall call(env, info);
  const abi::WaitProfile profile{call.Count(0), call.Count(1), call.Count(2)};
  auto* const self = call.self();
  return call.ok() ? ToJs(env, self->port_->SetWaitProfile(self->ticket_, profile)) : nullptr;
}

// () => [type, timeout in ns, sleep in ns], or a PortCode
napi_value Attachment::WaitProfile(napi_env env, napi_callback_info info) {
  auto* const self = Self(env, info);
  abi::WaitProfile profile{};
  if (const int code = self->port_->GetWaitProfile(self->ticket_, &profile)) return ToJs(env, code);
  Napi::Array result = Napi::Array::New(env);
  uint32_t count = 0;
  for (const uint64_t value : {uint64_t{profile.type}, profile.timeout_ns, profile.sleep_ns}) {
    result.Set(count++, Napi::Number::New(env, static_cast<double>(value)));
  }
  return result;
}

// (callback or null) => 0 or a PortCode. `this` is the port, which the watcher keeps alive.
napi_value Attachment::Watch(napi_env env, napi_callback_info info) {
  JsCall call(env, info);
  auto* const self = call.self();
  const Napi::Value callback = call[0];
  if (!callback.IsFunction() && !callback.IsNull()) call.Refuse(0, "a function or null");
  if (!call.This().IsObject()) call.Refuse(0, "passed to a port's own watch()");
  if (!call.ok()) return nullptr;
  if (const int code = self->port_->Use(self->ticket_)) return ToJs(env, code);
  if (self->watcher_ == nullptr) {
    if (callback.IsNull()) return ToJs(env, 0);
    const auto mode = self->polls_ ? Watcher::Mode::kPolls : Watcher::Mode::kInterrupts;
    int code = 0;
    self->watcher_ = Watcher::Open(env, self->port_, self->ticket_, mode, &code);
    if (self->watcher_ == nullptr) return ToJs(env, code);
    self->watcher_->Hold(self->held_);
  }
  self->watcher_->Set(callback, call.This());
  return ToJs(env, 0);
}

napi_value Attachment::Hold(napi_env env, napi_callback_info info) {
  JsCall call(env, info);
  const bool held = call.Bool(0);
  if (!call.ok()) return nullptr;
  auto* const self = call.self();
  self->held_ = held;
  if (self->watcher_ != nullptr) self->watcher_->Hold(held);
  return nullptr;
}

napi_value Attachment::Detach(napi_env env, napi_callback_info info) {
  auto* const self = Self(env, info);
  if (self->watcher_ != nullptr) self->watcher_->Close();
  self->watcher_ = nullptr;
  self->port_->Detach(self->ticket_, false);
  return nullptr;
}

}  // namespace node_dlb::dlb
