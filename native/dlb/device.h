#pragma once

#include <atomic>
#include <memory>

#include "../system_error.h"
#include "library.h"

namespace node_dlb::dlb {

// An open device, shared by those who have it and by its domains; closed with the last of them, or
// by Close. Thread: any; libdlb locks calls on device handles. In a forked child nothing of it is
// touched.
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

  // A failed creation of a domain can leave the handle such that dlb_close crashes, and a reset
  // that did not end, such that it waits for ever: nothing is called with it any more then, and
  // Close closes the descriptor behind libdlb's back.
  void Poison() { poisoned_ = true; }
  bool poisoned() const { return poisoned_; }

  // EEXIST while domains are attached. Safe to repeat.
  SystemError Close();

 private:
  Device(const Library* library, int id, abi::DeviceHandle handle);

  const Library& library_;
  const int id_;
  const int process_;
  abi::DeviceHandle handle_;
  uint64_t capabilities_ = 0;
  std::atomic<bool> poisoned_{false};
  // Libdlb's, and the one that it closes by dlb_close. -1: not known.
  int fd_ = -1;
};

}  // namespace node_dlb::dlb
