#ifndef DLB_SIM_DOMAIN_H
#define DLB_SIM_DOMAIN_H

#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "alerts.h"
#include "credits.h"
#include "device.h"
#include "domain_files.h"
#include "port.h"
#include "scheduler.h"
#include "transit.h"

namespace dlb_sim {

// A scheduling domain: what it may still create, what it has created, and the lock of its data
// path. Set-up calls come under the world's lock; they change the state that the data path reads,
// too, under the domain's lock.
class Domain final : public HardwareErrors {
 public:
  Domain(Device* device, int id, Allotment allotment, const void* creator);
  ~Domain() = default;
  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;

  int id() const { return id_; }
  Device* device() const { return device_; }
  const void* creator() const { return creator_; }
  bool combined() const { return combined_; }
  // Whether the device was reset since the domain was made.
  bool stale() const { return device_->generation() != allotment_.generation; }

  bool CreateFiles(bool serves) { return files_.Create(device_->number(), id_, serves); }
  bool serves() const { return files_.serves(); }
  OwnedFd AttachFile() const { return files_.Attach(); }

  // These functions return an id, or -1 with an errno.
  int CreatePool(unsigned kind, int credits);
  int CreateLdbQueue(const dlb_create_ldb_queue_t& args);
  int CreateDirQueue(int port_id);
  int CreateLdbPort(const dlb_create_port_t& args);
  int CreateDirPort(const dlb_create_port_t& args, int queue_id);
  Port* FindPort(bool directed, int id) const;
  Backlog* FindBacklog(bool directed, unsigned queue_id);
  int Link(Port* port, int queue_id, int priority);
  int Unlink(Port* port, int queue_id);
  void Start(bool refused);

  // Takes a vector for another port's interrupt. Returns whether the device had one left.
  bool TakeVector();

  void OnDeviceReset();
  // Returns everything to the device, and removes the files. Precondition: nobody uses the domain
  // any more.
  void Dismantle();
  // Describes, for a breach, what was scheduled and not completed; empty if there is nothing.
  std::string Leftovers();

  void OnHardwareError(const char* what) override;

  // --- the data path's state, under `mutex` ---
  std::mutex mutex;
  Scheduler scheduler;
  Transit transit;
  bool started = false;

  const std::shared_ptr<Alerts> alerts;
  int attached = 0;
  bool resetting = false;

 private:
  bool TakeSequenceSlot(uint32_t numbers);
  const char* CheckPort(const dlb_create_port_t& args, bool directed);
  CreditPool* Pool(unsigned kind, uint32_t id);
  PortCredits CreditsFor(const dlb_create_port_t& args);
  int TakeLdbPortId(uint32_t cos);
  int TakePair(int wanted, const std::array<bool, 96>& used, const char* what);

  Device* const device_;
  const int id_;
  const Allotment allotment_;
  const void* const creator_;
  const bool combined_;
  DomainFiles files_;
  // The part of the allotment that is left.
  Allotment left_;
  std::array<std::deque<CreditPool>, 2> pools_;
  std::array<uint32_t, 2> slots_used_{};
  uint32_t vectors_ = 0;
  std::vector<std::unique_ptr<Port>> ports_;
  std::array<bool, 96> dir_queues_{};
  std::array<bool, 96> dir_ports_{};
};

}  // namespace dlb_sim

#endif
