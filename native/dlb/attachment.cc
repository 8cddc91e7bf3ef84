#include "attachment.h"

#include <algorithm>
#include <cstdint>

#include "js_domain.h"
#include "registry.h"

namespace node_dlb::dlb {
namespace {

template <size_t kCount>
struct Arguments {
  Arguments(napi_env environment, napi_callback_info info) : env(environment) {
    size_t count = kCount;
    napi_get_cb_info(env, info, &count, values, nullptr, &data);
  }

  int32_t Int(size_t index) const {
    int32_t value = 0;
    napi_get_value_int32(env, values[index], &value);
    return value;
  }
  uint32_t Count(size_t index) const { return static_cast<uint32_t>(Int(index)); }
  bool Bool(size_t index) const {
    bool value = false;
    napi_get_value_bool(env, values[index], &value);
    return value;
  }
  Attachment* self() const { return static_cast<Attachment*>(data); }

  napi_env env;
  napi_value values[kCount == 0 ? 1 : kCount];
  void* data = nullptr;
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

// What JS has checked is checked again: it is memory.
template <auto kMethod, Attachment::Lent Attachment::*kLent>
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
  Environment* const environment = Environment::Of(env);
  const auto domain = JsDomain::Of(info[0]);
  void* call = nullptr;
  napi_value memory = nullptr;
  // The thread is ending.
  if (domain == nullptr || napi_create_arraybuffer(env, sizeof(Call), &call, &memory) != napi_ok) return env.Undefined();
  const auto port = domain->FindPort(info[1].As<Napi::Boolean>(), info[2].As<Napi::Number>());
  if (port == nullptr) return env.Undefined();
  const uint64_t ticket = Registry::Get().NextTicket();
  const int code = port->Attach(ticket, info[3].As<Napi::Number>());
  if (code != 0) return Napi::Number::New(env, code);
  auto* const self = new Attachment(environment, port, ticket, info[4].As<Napi::Boolean>());
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
  }
  return object;
}

// (receives, memory): what it is to send from or to receive into. Returns how many events it has; 0 if it is no
// ArrayBuffer, or not there any more.
napi_value Attachment::Lend(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  auto* const self = arguments.self();
  Lent& lent = arguments.Bool(0) ? self->received_ : self->sent_;
  void* data = nullptr;
  size_t bytes = 0;
  const bool is_there = napi_get_arraybuffer_info(env, arguments.values[1], &data, &bytes) == napi_ok;
  lent = is_there ? Lent{static_cast<abi::Event*>(data), bytes / sizeof(abi::Event)} : Lent{};
  return ToJs(env, static_cast<int32_t>(std::min<size_t>(lent.length, INT32_MAX)));
}

napi_value Attachment::Unreleased(napi_env env, napi_callback_info info) {
  const Arguments<0> arguments(env, info);
  return ToJs(env, arguments.self()->port_->Unreleased(arguments.self()->ticket_));
}

napi_value Attachment::Link(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  auto* const self = arguments.self();
  return ToJs(env, self->port_->Link(self->ticket_, arguments.Int(0), arguments.Int(1)));
}

napi_value Attachment::Unlink(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  auto* const self = arguments.self();
  return ToJs(env, self->port_->Unlink(self->ticket_, arguments.Int(0)));
}

napi_value Attachment::SetEnabled(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  auto* const self = arguments.self();
  if (const int code = self->port_->Use(self->ticket_)) return ToJs(env, code);
  return ToJs(env, self->port_->SetEnabled(arguments.Bool(0), arguments.Bool(1)));
}

// (type, timeout in ns, sleep in ns)
napi_value Attachment::SetWaitProfile(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  auto* const self = arguments.self();
  const abi::WaitProfile profile{arguments.Count(0), arguments.Count(1), arguments.Count(2)};
  return ToJs(env, self->port_->SetWaitProfile(self->ticket_, profile));
}

// () => [type, timeout in ns, sleep in ns], or a PortCode
napi_value Attachment::WaitProfile(napi_env env, napi_callback_info info) {
  const Arguments<0> arguments(env, info);
  auto* const self = arguments.self();
  abi::WaitProfile profile{};
  if (const int code = self->port_->GetWaitProfile(self->ticket_, &profile)) return ToJs(env, code);
  Napi::Array result = Napi::Array::New(env);
  uint32_t count = 0;
  for (const uint64_t value : {uint64_t{profile.type}, profile.timeout_ns, profile.sleep_ns}) {
    result.Set(count++, Napi::Number::New(env, static_cast<double>(value)));
  }
  return result;
}

// (callback or null): 0 or a PortCode. `this` is the port, which the watcher keeps alive.
napi_value Attachment::Watch(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  auto* const self = arguments.self();
  const Napi::Value callback(env, arguments.values[0]);
  if (const int code = self->port_->Use(self->ticket_)) return ToJs(env, code);
  if (self->watcher_ == nullptr) {
    if (!callback.IsFunction()) return ToJs(env, 0);
    const auto mode = self->polls_ ? Watcher::Mode::kPolls : Watcher::Mode::kInterrupts;
    int code = 0;
    self->watcher_ = Watcher::Open(env, self->port_, self->ticket_, mode, &code);
    if (self->watcher_ == nullptr) return ToJs(env, code);
    self->watcher_->Hold(self->held_);
  }
  napi_value object = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, &object, nullptr);
  self->watcher_->Set(callback, Napi::Value(env, object));
  return ToJs(env, 0);
}

napi_value Attachment::Hold(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  auto* const self = arguments.self();
  self->held_ = arguments.Bool(0);
  if (self->watcher_ != nullptr) self->watcher_->Hold(self->held_);
  return nullptr;
}

napi_value Attachment::Detach(napi_env env, napi_callback_info info) {
  const Arguments<0> arguments(env, info);
  auto* const self = arguments.self();
  if (self->watcher_ != nullptr) self->watcher_->Close();
  self->watcher_ = nullptr;
  self->port_->Detach(self->ticket_, false);
  return nullptr;
}

}  // namespace node_dlb::dlb
