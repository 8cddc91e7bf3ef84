// World: device resets, dlb_sim_reset, and the end of the process.
#include <utility>

#include "world.h"

namespace dlb_sim {

void World::Renew() {
  for (auto& [number, device] : devices_) device->Reset(settings_);
}

void World::ResetDevice(int number, std::chrono::milliseconds busy) {
  const auto found = devices_.find(number);
  if (found == devices_.end()) return;
  found->second->Reset(settings_);
  busy_until_[number] = std::chrono::steady_clock::now() + busy;
  for (const auto& domain : domains_) {
    if (domain->device() == found->second.get()) domain->OnDeviceReset();
  }
}

void World::ResetAll() {
  std::unique_lock lock(mutex);
  for (const auto& handle : port_handles_) handle->magic = kDead;
  for (const auto& handle : domain_handles_) {
    handle->magic = kDead;
    handle->fd.Reset();
  }
  for (size_t i = 0; i < device_handles_.size(); i++) {
    DeviceHandle* handle = device_handles_[i].get();
    while (!handle->domains.empty()) Remove(handle, handle->domains.back(), &lock);
    handle->magic = kDead;
    handle->fd.Reset();
  }
  devices_.clear();
  busy_until_.clear();
  settings_ = Settings();
  knobs.Clear();
  faults.Clear();
  ReadEnvironment();
  breaches.Clear();
}

void World::ReportLeaks() {
  const std::lock_guard lock(mutex);
  for (const auto& handle : port_handles_) {
    if (handle->magic == kDead) continue;
    breaches.Add("at exit: %s port %d of domain %d is attached", handle->port->directed() ? "directed" : "ldb",
                 handle->port->id(), handle->attachment->domain->id());
  }
  for (const auto& handle : domain_handles_) {
    if (handle->magic != kDead) breaches.Add("at exit: domain %d is attached", handle->domain->id());
  }
  for (const auto& domain : domains_) breaches.Add("at exit: domain %d is not reset", domain->id());
  for (const auto& handle : device_handles_) {
    if (handle->magic != kDead) breaches.Add("at exit: device %d is not closed", handle->device->number());
  }
}

}  // namespace dlb_sim
