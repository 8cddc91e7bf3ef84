#include "world.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <thread>

#include "control.h"

namespace dlb_sim {

World& World::Get() {
  static World* const world = [] {
    auto* made = new World;
    made->ReadEnvironment();
    return made;
  }();
  return *world;
}

void World::ReadEnvironment() {
  const char* text = std::getenv("DLB_SIM");
  environment_error_ = text == nullptr ? "" : RunEnvironment(text, this);
  if (!environment_error_.empty()) std::fprintf(stderr, "dlb_sim: DLB_SIM: %s\n", environment_error_.c_str());
}

Device* World::FindOrMakeDevice(int number) {
  auto& place = devices_[number];
  if (place == nullptr) place = std::make_unique<Device>(number, settings_);
  return place.get();
}

DeviceHandle* World::Open(int number) {
  if (!HasDevice(number)) {
    errno = ENOENT;
    return nullptr;
  }
  if (const auto busy = busy_until_.find(number);
      busy != busy_until_.end() && std::chrono::steady_clock::now() < busy->second) {
    errno = EINVAL;
    return nullptr;
  }
  // The descriptor has no O_CLOEXEC, as in libdlb.
  OwnedFd fd(open("/dev/null", O_RDWR));
  if (!fd.valid()) return nullptr;
  device_handles_.push_back(std::make_unique<DeviceHandle>());
  DeviceHandle* handle = device_handles_.back().get();
  handle->device = FindOrMakeDevice(number);
  handle->generation = handle->device->generation();
  handle->fd = std::move(fd);
  return handle;
}

int World::Close(DeviceHandle* handle, std::unique_lock<std::mutex>* lock) {
  if (handle->attached > 0) return EEXIST;
  if (handle->poisoned) breaches.Add("dlb_close after dlb_create_sched_domain failed with errno -1, which crashes");
  while (!handle->domains.empty()) Remove(handle, handle->domains.back(), lock);
  handle->fd.Reset();
  handle->magic = kDead;
  return 0;
}

int World::CreateDomain(DeviceHandle* handle, const dlb_create_sched_domain_t& args,
                        const dlb_adv_create_sched_domain_t& adv, int* id) {
  if (handle->generation != handle->device->generation()) return EINVAL;
  Allotment allotment;
  if (const char* status = handle->device->TakeDomain(args, adv, id, &allotment)) {
    std::printf("[dlb_create_sched_domain()] Error: driver status %s\n", status);
    return EINVAL;
  }
  auto domain = std::make_unique<Domain>(handle->device, *id, std::move(allotment), handle);
  if (!domain->CreateFiles(knobs.serves_domains)) {
    handle->poisoned = true;
    domain->Dismantle();
    return -1;
  }
  handle->domains.push_back(domain.get());
  handle->reset.erase(*id);
  domains_.push_back(std::move(domain));
  return 0;
}

Domain* World::FindCreated(const DeviceHandle& handle, int id) const {
  const auto found = std::find_if(handle.domains.begin(), handle.domains.end(),
                                  [&](const Domain* domain) { return domain->id() == id; });
  return found == handle.domains.end() ? nullptr : *found;
}

Domain* World::FindDomain(int id) const {
  const auto found =
      std::find_if(domains_.begin(), domains_.end(), [&](const auto& domain) { return domain->id() == id; });
  return found == domains_.end() ? nullptr : found->get();
}

std::vector<Domain*> World::DomainsOf(const Device* device) const {
  std::vector<Domain*> found;
  for (const auto& domain : domains_) {
    if (domain->device() == device) found.push_back(domain.get());
  }
  return found;
}

int World::ResetDomain(DeviceHandle* handle, int id, std::unique_lock<std::mutex>* lock) {
  if (id < 0) {
    breaches.Add("dlb_reset_sched_domain of %d, which reads before libdlb's array", id);
    return EINVAL;
  }
  Domain* domain = FindCreated(*handle, id);
  if (domain == nullptr) return handle->reset.count(id) != 0 ? EINVAL : EPERM;
  if (domain->attached > 0) return EEXIST;
  if (domain->resetting) return EINVAL;
  Remove(handle, domain, lock);
  return 0;
}

void World::Remove(DeviceHandle* handle, Domain* domain, std::unique_lock<std::mutex>* lock) {
  domain->resetting = true;
  ReportLeftovers(domain);
  lock->unlock();
  // libdlb waits for its thread in this case, too.
  while (knobs.refuse_domain_alerts) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!domain->alerts->End()) {
    breaches.Add("the alert callback of domain %d has kept its reset waiting for 10 s: a deadlock?", domain->id());
    domain->alerts->WaitForEnd();
  }
  lock->lock();
  domain->Dismantle();
  handle->reset.insert(domain->id());
  handle->domains.erase(std::find(handle->domains.begin(), handle->domains.end(), domain));
  domains_.erase(
      std::find_if(domains_.begin(), domains_.end(), [&](const auto& each) { return each.get() == domain; }));
}

// A device reset took away what a stale domain had; that is not the user's fault.
void World::ReportLeftovers(Domain* domain) {
  if (domain->stale()) return;
  const std::string what = domain->Leftovers();
  if (!what.empty()) breaches.Add("domain %d is reset with %s", domain->id(), what.c_str());
}

DomainHandle* World::Attach(DeviceHandle* handle, int id) {
  Domain* domain = FindDomain(id);
  if (domain == nullptr || domain->device() != handle->device || domain->resetting) {
    errno = EPERM;
    return nullptr;
  }
  OwnedFd fd = domain->AttachFile();
  if (!fd.valid() && domain->serves()) {
    breaches.Add("dlb_attach_sched_domain of %d reads a null control message, and crashes", id);
    std::raise(SIGSEGV);
  }
  if (!fd.valid()) {
    errno = EPERM;
    return nullptr;
  }
  domain_handles_.push_back(std::make_unique<DomainHandle>());
  DomainHandle* attachment = domain_handles_.back().get();
  attachment->opener = handle;
  attachment->domain = domain;
  attachment->fd = std::move(fd);
  handle->attached++;
  domain->attached++;
  return attachment;
}

int World::Detach(DomainHandle* handle) {
  if (handle->ports > 0) return EEXIST;
  handle->opener->attached--;
  handle->domain->attached--;
  handle->fd.Reset();
  handle->magic = kDead;
  return 0;
}

PortHandle* World::AttachPort(DomainHandle* handle, bool directed, int id) {
  Port* port = handle->domain->FindPort(directed, id);
  if (port == nullptr) {
    errno = EINVAL;
    return nullptr;
  }
  port_handles_.push_back(std::make_unique<PortHandle>());
  PortHandle* attachment = port_handles_.back().get();
  attachment->attachment = handle;
  attachment->port = port;
  handle->ports++;
  port->handles++;
  return attachment;
}

void World::DetachPort(PortHandle* handle) {
  handle->attachment->ports--;
  handle->port->handles--;
  handle->magic = kDead;
}

}  // namespace dlb_sim
