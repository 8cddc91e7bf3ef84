#include "device.h"

#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "call_guard.h"
#include "registry.h"

namespace node_dlb::dlb {

Device::Device(const Library* library, int id, abi::DeviceHandle handle)
    : library_(*library), id_(id), process_(getpid()), handle_(handle) {}

std::shared_ptr<Device> Device::Open(const Library* library, int id, SystemError* error) {
  abi::DeviceHandle handle = nullptr;
  int fd = -1;
  {
    const CallGuard guard;
    if (library->open(id, &handle) != 0 || handle == nullptr) {
      *error = LastError("dlb_open");
      return nullptr;
    }
    fd = guard.Opened(S_IFCHR);
  }
  std::shared_ptr<Device> device(new Device(library, id, handle));
  device->fd_ = fd;
  abi::Capabilities capabilities{};
  if (library->get_dev_capabilities(handle, &capabilities) != 0) {
    *error = LastError("dlb_get_dev_capabilities");
    return nullptr;
  }
  device->capabilities_ = capabilities.flags;
  if (device->Has(abi::kCombinedCredits) && library->create_credit_pool == nullptr) {
    *error = {ENOSYS, "dlb_create_credit_pool"};
    return nullptr;
  }
  Registry::Get().CloseAtExit(device);
  return device;
}

Device::~Device() { Close(); }

SystemError Device::Resources(abi::Resources* out) const {
  *out = {};
  if (library_.get_num_resources(handle_, out) == 0) return {};
  return LastError("dlb_get_num_resources");
}

SystemError Device::Close() {
  if (handle_ == nullptr || process_ != getpid()) return {};
  if (poisoned_) {
    handle_ = nullptr;
    if (fd_ >= 0) close(fd_);
    return {};
  }
  if (library_.close(handle_) != 0) return LastError("dlb_close");
  handle_ = nullptr;
  return {};
}

}  // namespace node_dlb::dlb
