#include "js_device.h"

#include "../arguments.h"
#include "call_guard.h"

namespace node_dlb::dlb {
namespace {

const Library* Load(Napi::Env env, const std::string& name) {
  std::string problem;
  const Library* const library = LoadLibrary(name, &problem);
  if (library != nullptr) return library;
  Napi::Error error = Napi::Error::New(env, problem);
  error.Set("code", Napi::String::New(env, "ELIBRARY"));
  error.ThrowAsJavaScriptException();
  return nullptr;
}

}  // namespace

Napi::Value InspectLibrary(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const std::string name = arguments.Text(0);
  const Library* const library = arguments.ok() ? Load(env, name) : nullptr;
  if (library == nullptr) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("file", library->path);
  object.Set("standIn", library->stand_in);
  return object;
}

Napi::Function JsDevice::Define(Napi::Env env) {
  return DefineClass(env, "DlbDevice",
                     {
                         InstanceMethod<&JsDevice::Facts>("facts"),
                         InstanceMethod<&JsDevice::Resources>("resources"),
                         InstanceMethod<&JsDevice::SequenceNumbers>("sequenceNumbers"),
                         InstanceMethod<&JsDevice::SequenceNumberGroups>("sequenceNumberGroups"),
                         InstanceMethod<&JsDevice::SetSequenceNumbers>("setSequenceNumbers"),
                         InstanceMethod<&JsDevice::Close>("close"),
                     });
}

JsDevice::JsDevice(const Napi::CallbackInfo& info) : Napi::ObjectWrap<JsDevice>(info) {
  if (IsEmpty()) return;
  Arguments arguments(info);
  const std::string name = arguments.Text(0);
  const int id = arguments.Fd(1);
  const Library* const library = arguments.ok() ? Load(info.Env(), name) : nullptr;
  if (library == nullptr) return;
  SystemError error;
  device_ = Device::Open(library, id, &error);
  if (!Throw(error)) napi_type_tag_object(info.Env(), info.This(), &kTag);
}

bool JsDevice::IsOpen() {
  if (device_->handle() != nullptr) return true;
  ThrowWrongUse(Env(), "ERR_DLB_CLOSED", "the device is closed");
  return false;
}

bool JsDevice::Throw(const SystemError& error) {
  if (error) error.ToError(Env()).ThrowAsJavaScriptException();
  return static_cast<bool>(error);
}

Napi::Value JsDevice::Facts(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("library", device_->library().path);
  object.Set("standIn", device_->library().stand_in);
  object.Set("capabilities", Napi::Number::New(info.Env(), static_cast<double>(device_->capabilities())));
  object.Set("poisoned", device_->poisoned());
  object.Set("hasStatistics", device_->library().get_xstats != nullptr);
  return object;
}

Napi::Value JsDevice::Resources(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  abi::Resources free{};
  if (!IsOpen() || Throw(device_->Resources(&free))) return env.Undefined();
  const bool combined = device_->Has(abi::kCombinedCredits);
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, uint32_t value) { object.Set(name, Napi::Number::New(env, value)); };
  set("domains", free.domains);
  set("loadBalancedQueues", free.ldb_queues);
  set("loadBalancedPorts", free.ldb_ports);
  set("directedPorts", free.dir_ports);
  set("eventStateEntries", free.event_state_entries);
  set("contiguousEventStateEntries", free.max_contiguous_event_state_entries);
  set("credits", combined ? free.combined.credits : free.separate.ldb_credits);
  set("directedCredits", combined ? 0 : free.separate.dir_credits);
  Napi::Array classes = Napi::Array::New(env);
  for (uint32_t i = 0; i < 4; ++i) classes.Set(i, Napi::Number::New(env, free.ldb_ports_per_class[i]));
  object.Set("portsPerClass", classes);
  Napi::Array slots = Napi::Array::New(env);
  for (uint32_t i = 0; i < 2; ++i) slots.Set(i, Napi::Number::New(env, free.sequence_number_slots[i]));
  object.Set("sequenceNumberSlots", slots);
  return object;
}

// (group) => { perQueue, occupied }
Napi::Value JsDevice::SequenceNumbers(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const auto group = arguments.Count(0);
  if (!arguments.ok() || !IsOpen()) return {};
  unsigned per_queue = 0;
  unsigned occupied = 0;
  const Library& library = device_->library();
  if (library.get_ldb_sequence_number_allocation(device_->handle(), group, &per_queue) != 0) {
    Throw(LastError("dlb_get_ldb_sequence_number_allocation"));
    return env.Undefined();
  }
  if (library.get_ldb_sequence_number_occupancy(device_->handle(), group, &occupied) != 0) {
    Throw(LastError("dlb_get_ldb_sequence_number_occupancy"));
    return env.Undefined();
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("perQueue", Napi::Number::New(env, per_queue));
  object.Set("occupied", Napi::Number::New(env, occupied));
  return object;
}

// () => { groups, least }
Napi::Value JsDevice::SequenceNumberGroups(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!IsOpen()) return {};
  const Library& library = device_->library();
  const int groups = library.get_num_ldb_sequence_number_groups(device_->handle());
  if (groups < 0) {
    Throw(LastError("dlb_get_num_ldb_sequence_number_groups"));
    return env.Undefined();
  }
  const bool has_least = library.get_min_ldb_sequence_number_allocation != nullptr;
  const int least = has_least ? library.get_min_ldb_sequence_number_allocation(device_->handle()) : -1;
  Napi::Object object = Napi::Object::New(env);
  object.Set("groups", Napi::Number::New(env, groups));
  object.Set("least", least < 0 ? env.Undefined() : Napi::Number::New(env, least));
  return object;
}

void JsDevice::SetSequenceNumbers(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const auto group = arguments.Count(0);
  const auto per_queue = arguments.Count(1);
  if (!arguments.ok() || !IsOpen()) return;
  if (device_->library().set_ldb_sequence_number_allocation(device_->handle(), group, per_queue) != 0) {
    Throw(LastError("dlb_set_ldb_sequence_number_allocation"));
  }
}

void JsDevice::Close(const Napi::CallbackInfo&) { Throw(device_->Close()); }

}  // namespace node_dlb::dlb
