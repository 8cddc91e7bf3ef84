#include "js_domain.h"

#include <cerrno>

#include "../properties.h"
#include "js_device.h"
#include "registry.h"

namespace node_dlb::dlb {
namespace {

// The config comes from lib/device/dlb/domain-config.ts, which has checked it.
Domain::Config ReadConfig(Properties* from, bool combined) {
  Domain::Config config{};
  abi::CreateDomain& domain = config.domain;
  domain.ldb_queues = from->Count("loadBalancedQueues");
  domain.ldb_ports = from->Count("loadBalancedPorts");
  domain.dir_ports = from->Count("directedPorts");
  domain.event_state_entries = from->Count("eventStateEntries");
  from->Counts("sequenceNumberSlots", domain.sequence_number_slots);
  from->Counts("portsPerClass", config.classes.ldb_ports_per_class);
  config.credits = from->Count("credits");
  config.pools[0] = from->Count("pool");
  config.pools[1] = from->Count("directedPool");
  if (combined) {
    domain.combined = {config.pools[0], config.pools[0] == 0 ? 0u : 1u};
  } else {
    domain.separate = {config.pools[0], config.pools[1], config.pools[0] == 0 ? 0u : 1u, config.pools[1] == 0 ? 0u : 1u};
  }
  return config;
}

}  // namespace

Napi::Function JsDomain::Define(Napi::Env env) {
  return DefineClass(env, "DlbDomain",
                     {
                         InstanceMethod<&JsDomain::Facts>("facts"),
                         InstanceMethod<&JsDomain::IsOpen>("isOpen"),
                         InstanceMethod<&JsDomain::CreateLoadBalancedQueue>("createLoadBalancedQueue"),
                         InstanceMethod<&JsDomain::CreateDirectedQueue>("createDirectedQueue"),
                         InstanceMethod<&JsDomain::CreatePort>("createPort"),
                         InstanceMethod<&JsDomain::SetSequenceNumbers>("setSequenceNumbers"),
                         InstanceMethod<&JsDomain::Start>("start"),
                         InstanceMethod<&JsDomain::IsStarted>("isStarted"),
                         InstanceMethod<&JsDomain::HasPort>("hasPort"),
                         InstanceMethod<&JsDomain::Target>("target"),
                         InstanceMethod<&JsDomain::SetEnabled>("setEnabled"),
                         InstanceMethod<&JsDomain::Recover>("recover"),
                         InstanceMethod<&JsDomain::Peek>("peek"),
                         InstanceMethod<&JsDomain::Stats>("stats"),
                         InstanceMethod<&JsDomain::Statistic>("statistic"),
                         InstanceMethod<&JsDomain::DepthCounter>("depthCounter"),
                         InstanceMethod<&JsDomain::ResetDepthCounter>("resetDepthCounter"),
                         InstanceMethod<&JsDomain::OnAlert>("onAlert"),
                         InstanceMethod<&JsDomain::Close>("close"),
                     });
}

std::shared_ptr<Domain> JsDomain::Of(const Napi::Value& value) {
  const JsDomain* const self = Unwrap(value.As<Napi::Object>());
  return self == nullptr ? nullptr : self->domain_;
}

JsDomain::JsDomain(const Napi::CallbackInfo& info) : Napi::ObjectWrap<JsDomain>(info) {
  if (IsEmpty()) return;
  if (info[0].IsString()) {
    domain_ = Registry::Get().Find(info[0].As<Napi::String>());
    return;
  }
  const auto device = JsDevice::Of(info[0]);
  Properties properties(info[1]);
  const auto config = ReadConfig(&properties, device != nullptr && device->Has(abi::kCombinedCredits));
  if (device == nullptr || !properties.all()) {
    Napi::TypeError::New(info.Env(), "expected (device, config)").ThrowAsJavaScriptException();
    return;
  }
  SystemError error;
  domain_ = Domain::Create(device, config, &error);
  if (!Throw(error)) Environment::Of(info.Env())->dlb().Add(domain_);
}

bool JsDomain::Throw(const SystemError& error) {
  if (error) error.ToError(Env()).ThrowAsJavaScriptException();
  return static_cast<bool>(error);
}

Napi::Value JsDomain::IsOpen(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), domain_ != nullptr && !domain_->closed());
}

Napi::Value JsDomain::Facts(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("id", domain_->id());
  object.Set("key", domain_->key());
  object.Set("number", domain_->number());
  object.Set("combined", domain_->device()->Has(abi::kCombinedCredits));
  return object;
}

// (sequenceNumbers, lockIdCompression) => id
Napi::Value JsDomain::CreateLoadBalancedQueue(const Napi::CallbackInfo& info) {
  SystemError error;
  const int id =
      domain_->CreateLdbQueue(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value(), &error);
  Throw(error);
  return Napi::Number::New(info.Env(), id);
}

// (port's id, or -1) => id
Napi::Value JsDomain::CreateDirectedQueue(const Napi::CallbackInfo& info) {
  SystemError error;
  const int id = domain_->CreateDirQueue(info[0].As<Napi::Number>(), &error);
  Throw(error);
  return Napi::Number::New(info.Env(), id);
}

Napi::Value JsDomain::CreatePort(const Napi::CallbackInfo& info) {
  Properties from(info[0]);
  Domain::PortConfig config{};
  config.directed = from.Bool("directed");
  config.cq_depth = static_cast<uint16_t>(from.Count("cqDepth"));
  config.event_state_entries = from.Count("eventStateEntries");
  config.class_of_service = from.Count("classOfService");
  config.is_producer = from.Bool("producer");
  config.queue = from.Int("queue");
  config.weight = from.Bool("weight");
  if (!from.all()) {
    Napi::TypeError::New(info.Env(), "expected a port's config").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  SystemError error;
  const auto port = domain_->CreatePort(config, &error);
  if (Throw(error)) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), port->id());
}

void JsDomain::SetSequenceNumbers(const Napi::CallbackInfo& info) {
  Throw(domain_->SetSequenceNumbers(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value()));
}

void JsDomain::Start(const Napi::CallbackInfo&) { Throw(domain_->Start()); }

Napi::Value JsDomain::IsStarted(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), domain_->state().started);
}

Napi::Value JsDomain::HasPort(const Napi::CallbackInfo& info) {
  const auto port = domain_->FindPort(info[0].As<Napi::Boolean>(), info[1].As<Napi::Number>());
  return Napi::Boolean::New(info.Env(), port != nullptr);
}

// (scheduling type << 8 | queue id) => DomainState::Target
Napi::Value JsDomain::Target(const Napi::CallbackInfo& info) {
  const auto index = info[0].As<Napi::Number>().Uint32Value() & 0x3ff;
  return Napi::Number::New(info.Env(), domain_->state().targets[index]);
}

// Once, in the thread that created it.
void JsDomain::OnAlert(const Napi::CallbackInfo& info) {
  receiver_ = AlertReceiver::Open(info.Env(), domain_, info[0].As<Napi::Function>());
  if (receiver_ == nullptr) Throw({EMFILE, "uv_async_init"});
}

void JsDomain::Close(const Napi::CallbackInfo& info) {
  const SystemError error = domain_->Close();
  if (receiver_ != nullptr) receiver_->Finish();
  receiver_ = nullptr;
  Environment::Of(info.Env())->dlb().Remove(domain_);
  Throw(error);
}

}  // namespace node_dlb::dlb
