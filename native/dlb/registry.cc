#include "registry.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <random>
#include <vector>

#include "domain.h"

namespace node_dlb::dlb {
namespace {

// Keeps this addon loaded. Node unloads an addon with the last environment that loaded it, but
// libdlb's alert threads and the exit handler still need the code.
void StayLoaded() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&Registry::Get), &info) == 0) return;
  dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
}

std::string NewKey() {
  std::random_device random;
  char key[33];
  snprintf(key, sizeof key, "%08x%08x%08x%08x", random(), random(), random(), random());
  return key;
}

}  // namespace

Registry& Registry::Get() {
  static auto* const registry = new Registry;
  return *registry;
}

std::string Registry::Add(std::shared_ptr<Domain> domain) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string key = NewKey();
  domains_.emplace(key, std::move(domain));
  return key;
}

std::shared_ptr<Domain> Registry::Find(const std::string& key) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = domains_.find(key);
  return found == domains_.end() ? nullptr : found->second;
}

void Registry::Remove(const std::string& key) {
  const std::lock_guard<std::mutex> lock(mutex_);
  domains_.erase(key);
}

uint64_t Registry::NextTicket() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ++last_ticket_;
}

void Registry::CloseAtExit(const std::shared_ptr<Device>& device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto gone = [](const std::weak_ptr<Device>& other) { return other.expired(); };
  devices_.erase(std::remove_if(devices_.begin(), devices_.end(), gone), devices_.end());
  devices_.push_back(device);
  if (closes_at_exit_) return;
  closes_at_exit_ = true;
  StayLoaded();
  std::atexit([] { Get().CloseAll(); });
}

void Registry::CloseAll() {
  std::vector<std::shared_ptr<Domain>> domains;
  std::vector<std::shared_ptr<Device>> devices;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& entry : domains_) domains.push_back(entry.second);
    for (const auto& device : devices_) devices.push_back(device.lock());
  }
  for (const auto& domain : domains) domain->Close();
  for (const auto& device : devices) {
    if (device != nullptr) device->Close();
  }
}

}  // namespace node_dlb::dlb
