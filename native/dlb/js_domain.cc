#include "js_domain.h"

#include <cerrno>

#include "../properties.h"
#include "js_device.h"
#include "registry.h"

namespace node_dlb::dlb {
namespace {

constexpr uint32_t kMostCqDepth = 1024;

// lib/device/dlb/domain-config.ts has checked the config.
Domain::Config ReadConfig(Properties* from, bool combined) {
  Domain::Config config{};
  abi::CreateDomain& domain = config.domain;
  domain.ldb_queues = from->Count("loadBalancedQueues");
  domain.ldb_ports = from->Count("loadBalancedPorts");
  domain.dir_ports = from->Count("directedPorts");
  domain.event_state_entries = from->Count("eventStateEntries");
  from->Counts("sequenceNumberSlots", domain.sequence_number_slots);
  from->Counts("sequenceNumbers", config.sequence_numbers);
  from->Counts("portsPerClass", config.classes.ldb_ports_per_class);
  config.credits = from->Count("credits");
  config.pools[0] = from->Count("pool");
  config.pools[1] = from->Count("directedPool");
  if (combined) {
    domain.combined = {config.pools[0], config.pools[0] == 0 ? 0u : 1u};
  } else {
    domain.separate = {config.pools[0], config.pools[1], config.pools[0] == 0 ? 0u : 1u,
                       config.pools[1] == 0 ? 0u : 1u};
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

JsDomain::JsDomain(const Napi::CallbackInfo& info) : Napi::ObjectWrap<JsDomain>(info) {
  if (IsEmpty()) return;
  if (info[0].IsString()) {
    domain_ = Registry::Get().Find(info[0].As<Napi::String>());
  } else if (!Create(info)) {
    return;
  }
  napi_type_tag_object(info.Env(), info.This(), &kTag);
}

bool JsDomain::Create(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  JsDevice* const owner = arguments.Object<JsDevice>(0);
  if (owner == nullptr || !owner->IsOpen()) return false;
  const auto& device = owner->device();
  Properties properties(info[1]);
  const auto config = ReadConfig(&properties, device->Has(abi::kCombinedCredits));
  if (!properties.all()) arguments.Refuse(1, "a domain's whole config");
  if (!arguments.ok()) return false;
  SystemError error;
  domain_ = Domain::Create(device, config, &error);
  if (Throw(error)) return false;
  Environment::Of(info.Env())->dlb().Add(domain_);
  return true;
}

bool JsDomain::Throw(const SystemError& error) {
  if (error) error.ToError(Env()).ThrowAsJavaScriptException();
  return static_cast<bool>(error);
}

bool JsDomain::Exists() {
  if (domain_ != nullptr) return true;
  ThrowWrongUse(Env(), "ERR_DLB_CLOSED", "there is no such domain any more");
  return false;
}

bool JsDomain::IsUsable() {
  if (!Exists()) return false;
  if (!domain_->closed()) return true;
  ThrowWrongUse(Env(), "ERR_DLB_CLOSED", "the domain is closed");
  return false;
}

Napi::Value JsDomain::IsOpen(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), domain_ != nullptr && !domain_->closed());
}

Napi::Value JsDomain::Facts(const Napi::CallbackInfo& info) {
  if (!Exists()) return {};
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("id", domain_->id());
  object.Set("key", domain_->key());
  object.Set("number", domain_->number());
  object.Set("combined", domain_->device()->Has(abi::kCombinedCredits));
  return object;
}

// (sequenceNumbers, lockIdCompression) => the queue's id
Napi::Value JsDomain::CreateLoadBalancedQueue(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t sequence_numbers = arguments.Count(0);
  const uint32_t lock_id_compression = arguments.Count(1);
  if (!arguments.ok() || !IsUsable()) return {};
  SystemError error;
  const int id = domain_->CreateLdbQueue(sequence_numbers, lock_id_compression, &error);
  Throw(error);
  return Napi::Number::New(info.Env(), id);
}

// (the port's id, or -1 for none) => the queue's id
Napi::Value JsDomain::CreateDirectedQueue(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int port = arguments.Int(0, -1, UINT8_MAX);
  if (!arguments.ok() || !IsUsable()) return {};
  SystemError error;
  const int id = domain_->CreateDirQueue(port, &error);
  Throw(error);
  return Napi::Number::New(info.Env(), id);
}

Napi::Value JsDomain::CreatePort(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  Properties from(info[0]);
  Domain::PortConfig config{};
  config.directed = from.Bool("directed");
  const uint32_t cq_depth = from.Count("cqDepth");
  config.cq_depth = static_cast<uint16_t>(cq_depth);
  config.event_state_entries = from.Count("eventStateEntries");
  config.class_of_service = from.Count("classOfService");
  config.is_producer = from.Bool("producer");
  config.queue = from.Int("queue");
  config.weight = from.Bool("weight");
  if (!from.all() || cq_depth > kMostCqDepth) arguments.Refuse(0, "a port's whole config");
  if (!arguments.ok() || !IsUsable()) return {};
  SystemError error;
  const auto port = domain_->CreatePort(config, &error);
  if (Throw(error)) return {};
  return Napi::Number::New(info.Env(), port->id());
}

void JsDomain::Start(const Napi::CallbackInfo&) {
  if (IsUsable()) Throw(domain_->Start());
}

Napi::Value JsDomain::IsStarted(const Napi::CallbackInfo& info) {
  if (!Exists()) return {};
  return Napi::Boolean::New(info.Env(), domain_->state().started);
}

// (directed, id) => boolean
Napi::Value JsDomain::HasPort(const Napi::CallbackInfo& info) {
  std::shared_ptr<Port> port;
  Arguments arguments(info);
  if (!FindPort(&arguments, &port)) return {};
  return Napi::Boolean::New(info.Env(), port != nullptr);
}

// Reads the arguments (directed, id). Returns false if it has thrown. `port` is null if there is no
// such port.
bool JsDomain::FindPort(Arguments* arguments, std::shared_ptr<Port>* port) {
  const bool directed = arguments->Bool(0);
  const int id = arguments->Int(1, 0, UINT8_MAX);
  if (!arguments->ok() || !Exists()) return false;
  *port = domain_->FindPort(directed, id);
  return true;
}

// (scheduling type << 8 | queue id) => DomainState::Target
Napi::Value JsDomain::Target(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t index = arguments.Count(0, 0x3ff);
  if (!arguments.ok() || !Exists()) return {};
  return Napi::Number::New(info.Env(), domain_->state().targets[index]);
}

// May be called once, by the thread that created the domain.
void JsDomain::OnAlert(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Function callback = arguments.Function(0);
  if (!arguments.ok() || !IsUsable()) return;
  if (receiver_ != nullptr) return ThrowWrongUse(Env(), "ERR_DLB_IN_USE", "the domain's alerts have their callback");
  receiver_ = AlertReceiver::Open(info.Env(), domain_, callback);
  if (receiver_ == nullptr) Throw({EMFILE, "uv_async_init"});
}

void JsDomain::Close(const Napi::CallbackInfo& info) {
  if (!Exists()) return;
  const SystemError error = domain_->Close();
  if (receiver_ != nullptr) receiver_->Finish();
  receiver_ = nullptr;
  Environment::Of(info.Env())->dlb().Remove(domain_);
  Throw(error);
}

}  // namespace node_dlb::dlb
