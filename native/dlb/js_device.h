#pragma once

#include <memory>
#include <napi.h>

#include "device.h"

namespace node_dlb::dlb {

// (name) => { file, standIn }. Loads a library without opening a device. Throws what DlbDevice
// throws.
Napi::Value InspectLibrary(const Napi::CallbackInfo& info);

// The JS class DlbDevice: new DlbDevice(library, id). lib/native-dlb.ts types it. Failures are
// thrown as Node's system errors; a library that cannot be used, as an Error with the code
// ELIBRARY.
class JsDevice : public Napi::ObjectWrap<JsDevice> {
 public:
  static Napi::Function Define(Napi::Env env);
  static constexpr const char* kName = "DlbDevice";
  static constexpr napi_type_tag kTag = {0x6e6f64655f646c62, 0x446c624465766963};

  const std::shared_ptr<Device>& device() const { return device_; }

  explicit JsDevice(const Napi::CallbackInfo& info);

  // Throws and returns false if the device is closed.
  bool IsOpen();

 private:
  Napi::Value Facts(const Napi::CallbackInfo& info);
  Napi::Value Resources(const Napi::CallbackInfo& info);
  Napi::Value SequenceNumbers(const Napi::CallbackInfo& info);
  Napi::Value SequenceNumberGroups(const Napi::CallbackInfo& info);
  void SetSequenceNumbers(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  // Throws and returns true if something failed.
  bool Throw(const SystemError& error);

  std::shared_ptr<Device> device_;
};

}  // namespace node_dlb::dlb
