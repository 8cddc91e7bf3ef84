#include "js_domain.h"

#include "call_guard.h"

// The JS methods by which any thread queries a domain.
namespace node_dlb::dlb {
namespace {

constexpr uint32_t kMostLevel = 3;

uint64_t Read(Domain& domain, uint32_t type, int id) {
  uint64_t value = 0;
  return domain.Statistic(type, id, &value) ? value : 0;
}

Napi::Object PortStats(Napi::Env env, Domain& domain, Port& port) {
  // The port's own count is read before the device's figures: an event that moves in between is
  // counted twice rather than not at all.
  const uint64_t waiting = port.waiting();
  const uint64_t depth = Read(domain, port.directed() ? abi::kDirPortDepth : abi::kLdbPortDepth, port.id());
  const uint64_t queued = depth + waiting;
  const uint64_t load = port.directed() ? queued : Read(domain, abi::kLdbPortInFlight, port.id());
  Napi::Object object = Napi::Object::New(env);
  object.Set("directed", port.directed());
  object.Set("id", port.id());
  object.Set("thread", port.thread());
  object.Set("enabled", port.enabled());
  object.Set("queued", Napi::Number::New(env, static_cast<double>(queued)));
  object.Set("load", Napi::Number::New(env, static_cast<double>(load)));
  return object;
}

Domain::Queue ReadQueue(Arguments* arguments) {
  const bool directed = arguments->Bool(0);
  return {directed, arguments->Int(1, 0, UINT8_MAX)};
}

}  // namespace

// (directed, id, enabled, schedOnly) => 0 or a PortCode; undefined if there is no such port
Napi::Value JsDomain::SetEnabled(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const bool enabled = arguments.Bool(2);
  const bool sched_only = arguments.Bool(3);
  std::shared_ptr<Port> port;
  if (!FindPort(&arguments, &port) || port == nullptr) return {};
  return Napi::Number::New(info.Env(), port->SetEnabled(enabled, sched_only));
}

// (directed, id, words, max) => count or a PortCode; undefined if there is no such port
Napi::Value JsDomain::Recover(const Napi::CallbackInfo& info) { return TakeFrom(info, &Port::Recover); }

// (directed, id, words, max) => count or a PortCode; undefined if there is no such port
Napi::Value JsDomain::Peek(const Napi::CallbackInfo& info) { return TakeFrom(info, &Port::CopyWaiting); }

Napi::Value JsDomain::TakeFrom(const Napi::CallbackInfo& info, int (Port::*take)(abi::Event*, uint32_t)) {
  Arguments arguments(info);
  auto words = arguments.Int32Array(2);
  const uint32_t max = arguments.Count(3);
  std::shared_ptr<Port> port;
  if (!FindPort(&arguments, &port) || port == nullptr) return {};
  if (max > words.ElementLength() / 4) return Napi::Number::New(info.Env(), kBadRange);
  return Napi::Number::New(info.Env(), (*port.*take)(reinterpret_cast<abi::Event*>(words.Data()), max));
}

Napi::Value JsDomain::Stats(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!Exists()) return {};
  Napi::Array ports = Napi::Array::New(env);
  uint32_t count = 0;
  for (const auto& port : domain_->ports()) {
    ports.Set(count++, PortStats(env, *domain_, *port));
  }
  Napi::Array queues = Napi::Array::New(env);
  count = 0;
  for (const auto& queue : domain_->queues()) {
    // The device has separate counts for the atomic events that wait for the port that has their
    // flow, and for all other events.
    const uint64_t depth =
        queue.directed ? Read(*domain_, abi::kDirQueueEnqueued, queue.id)
                       : Read(*domain_, abi::kQueueEnqueued, queue.id) + Read(*domain_, abi::kQueueAtomic, queue.id);
    Napi::Object object = Napi::Object::New(env);
    object.Set("directed", queue.directed);
    object.Set("id", queue.id);
    object.Set("depth", Napi::Number::New(env, static_cast<double>(depth)));
    queues.Set(count++, object);
  }
  const int64_t free = domain_->state().credits_free;
  Napi::Object object = Napi::Object::New(env);
  object.Set("creditsFree", Napi::Number::New(env, static_cast<double>(free < 0 ? 0 : free)));
  object.Set("queues", queues);
  object.Set("ports", ports);
  return object;
}

// (type, id) => number, or undefined if the device or the library does not provide it
Napi::Value JsDomain::Statistic(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t type = arguments.Count(0);
  const int id = arguments.Int(1, 0, UINT8_MAX);
  uint64_t value = 0;
  if (!arguments.ok() || !Exists() || !domain_->Statistic(type, id, &value)) return {};
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

// (directed, id, level) => number
Napi::Value JsDomain::DepthCounter(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Domain::Queue queue = ReadQueue(&arguments);
  const uint32_t level = arguments.Count(2, kMostLevel);
  if (!arguments.ok() || !Exists()) return {};
  SystemError error;
  const int64_t count = domain_->ReadDepthCounter(queue, level, &error);
  Throw(error);
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

void JsDomain::ResetDepthCounter(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Domain::Queue queue = ReadQueue(&arguments);
  const uint32_t level = arguments.Count(2, kMostLevel);
  if (arguments.ok() && Exists()) Throw(domain_->ResetDepthCounter(queue, level));
}

}  // namespace node_dlb::dlb
