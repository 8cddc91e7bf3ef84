#pragma once

#include <atomic>
#include <memory>

#include "../system_error.h"
#include "library.h"

namespace node_dlb::dlb {

// An open device, shared by its users and its domains. It is closed with the last of them, or by
// Close. Thread: any; libdlb locks calls on device handles. A forked child does not touch it.
class Device {
 public:
  static std::shared_ptr<Device> Open(const Library* library, int id, SystemError* error);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const Library& library() const { return library_; }
  abi::DeviceHandle handle() const { return handle_; }
  int id() const { return id_; }
  uint64_t capabilities() const { return capabilities_; }
  bool Has(abi::CapabilityBit bit) const { return (capabilities_ & bit) != 0; }

  SystemError Resources(abi::Resources* out) const;

  // Marks the handle as unusable: nothing is called with it any more, and Close closes the
  // descriptor without libdlb's knowledge. Two failures leave such a handle: after a failed
  // creation of a domain, dlb_close can crash; after a reset that did not end, dlb_close can wait
  // for ever.
  void Poison() { poisoned_ = true; }
  bool poisoned() const { return poisoned_; }

  // EEXIST while domains are attached. May be called again.
  SystemError Close();

 private:
  Device(const Library* library, int id, abi::DeviceHandle handle);

  const Library& library_;
  const int id_;
  const int process_;
  abi::DeviceHandle handle_;
  uint64_t capabilities_ = 0;
  std::atomic<bool> poisoned_{false};
  // libdlb's descriptor, which dlb_close closes. -1 if it is not known.
  int fd_ = -1;
};

}  // namespace node_dlb::dlb
