#ifndef DLB_SIM_WORLD_H
#define DLB_SIM_WORLD_H

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "breaches.h"
#include "device.h"
#include "domain.h"
#include "faults.h"
#include "handles.h"
#include "settings.h"

namespace dlb_sim {

// The whole state of the stand-in: one object per process. It is never destroyed, since threads may
// still use it when the process ends.
class World {
 public:
  static World& Get();

  // --- any thread, any time ---
  Breaches breaches;
  Faults faults;
  Knobs knobs;

  // --- under `mutex`, the lock of all set-up calls ---
  std::mutex mutex;

  DeviceHandle* Open(int number);
  // Returns 0 or an errno; -1, as in libdlb, if the domain's socket could not be made.
  int CreateDomain(DeviceHandle* handle, const dlb_create_sched_domain_t& args,
                   const dlb_adv_create_sched_domain_t& adv, int* id);
  // These two release the lock while they wait for the alert callback.
  int Close(DeviceHandle* handle, std::unique_lock<std::mutex>* lock);
  int ResetDomain(DeviceHandle* handle, int id, std::unique_lock<std::mutex>* lock);
  DomainHandle* Attach(DeviceHandle* handle, int id);
  int Detach(DomainHandle* handle);
  PortHandle* AttachPort(DomainHandle* handle, bool directed, int id);
  void DetachPort(PortHandle* handle);

  Settings& settings() { return settings_; }
  // Settings that are fixed while there are domains must not be changed then.
  bool HasDomains() const { return !domains_.empty(); }
  // To be called when the settings have changed: makes the devices new.
  void Renew();
  Domain* FindDomain(int id) const;
  std::vector<Domain*> DomainsOf(const Device* device) const;
  bool HasDevice(int number) const { return settings_.devices.count(number) != 0; }
  // `busy` is how long the device cannot be opened.
  void ResetDevice(int number, std::chrono::milliseconds busy);
  void ResetAll();
  // Reports, when the process ends, everything that was not given back as breaches.
  void ReportLeaks();

  // Why DLB_SIM was not understood; empty if it was.
  const std::string& environment_error() const { return environment_error_; }

 private:
  World() = default;

  void ReadEnvironment();
  Device* FindOrMakeDevice(int number);
  Domain* FindCreated(const DeviceHandle& handle, int id) const;
  void Remove(DeviceHandle* handle, Domain* domain, std::unique_lock<std::mutex>* lock);
  void ReportLeftovers(Domain* domain);

  std::string environment_error_;
  Settings settings_;
  std::map<int, std::unique_ptr<Device>> devices_;
  std::map<int, std::chrono::steady_clock::time_point> busy_until_;
  std::vector<std::unique_ptr<Domain>> domains_;
  std::vector<std::unique_ptr<DeviceHandle>> device_handles_;
  std::vector<std::unique_ptr<DomainHandle>> domain_handles_;
  std::vector<std::unique_ptr<PortHandle>> port_handles_;
};

}  // namespace dlb_sim

#endif
