#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "alerts.h"
#include "device.h"
#include "port.h"

namespace node_dlb::dlb {

// A scheduling domain, for all threads of the process. It has one handle of libdlb, which locks
// calls on it.
//
// Thread: any; the functions that configure it are for the thread that created it. Ownership: the
// registry keeps it while it is open. A port or a token keeps the object alive, but does not keep
// the domain open.
class Domain {
 public:
  struct Config {
    abi::CreateDomain domain;
    abi::CreateDomainAdvanced classes;
    // The number of sequence numbers that a slot of each group gets.
    uint32_t sequence_numbers[2];
    // The sizes of the credit pools: [0] for load-balanced events, or for all events if credits are
    // combined; [1] for directed ones.
    uint32_t pools[2];
    // The contract's bound on queued events.
    uint32_t credits;
  };
  struct Queue {
    bool directed;
    int id;
  };
  struct PortConfig {
    bool directed;
    uint16_t cq_depth;
    uint32_t event_state_entries;
    uint32_t class_of_service;
    bool is_producer;
    int queue;  // the queue of a directed port; -1 for one of its own
    bool weight;
  };

  static std::shared_ptr<Domain> Create(std::shared_ptr<Device> device, const Config& config, SystemError* error);
  ~Domain();

  int id() const { return id_; }
  const std::string& key() const { return key_; }
  // The number that marks the domain's event buffers.
  uint32_t number() const { return number_; }
  const std::shared_ptr<Device>& device() const { return device_; }
  DomainState& state() { return *state_; }
  Alerts& alerts() { return *alerts_; }
  bool closed();

  // Both return the new queue's id, or -1 with an error.
  int CreateLdbQueue(uint32_t sequence_numbers, uint32_t lock_id_compression, SystemError* error);
  int CreateDirQueue(int port, SystemError* error);
  std::shared_ptr<Port> CreatePort(const PortConfig& config, SystemError* error);
  SystemError Start();

  std::shared_ptr<Port> FindPort(bool directed, int id);
  std::vector<std::shared_ptr<Port>> ports();
  std::vector<Queue> queues();
  // Returns false if the library does not provide it, or the domain is closed.
  bool Statistic(uint32_t type, int id, uint64_t* value);
  int64_t ReadDepthCounter(const Queue& queue, uint32_t level, SystemError* error);
  SystemError ResetDepthCounter(const Queue& queue, uint32_t level);
  // Whether the device was reset. The ports decide: an alert alone does not prove it (libdlb passes
  // hardware errors on with an id that it did not set).
  bool ConfirmReset();

  // Ends the domain in every thread and gives everything back. After a failure it continues, and
  // returns the first one.
  SystemError Close();

 private:
  explicit Domain(std::shared_ptr<Device> device);
  SystemError Open(const Config& config);
  SystemError CreatePools(const Config& config);
  SystemError DivideSequenceNumbers(const uint32_t (&per_queue)[2]);
  void DivideAsBefore();
  abi::CreatePort PortArguments(const PortConfig& config) const;
  void Reset(SystemError* first);

  const std::shared_ptr<Device> device_;
  const Library& library_;
  const int process_;
  const std::shared_ptr<DomainState> state_ = std::make_shared<DomainState>();
  const std::shared_ptr<Alerts> alerts_ = std::make_shared<Alerts>();
  std::string key_;
  uint32_t number_ = 0;

  // The fields below are under the mutex. A port's own lock is taken inside the mutex, never the
  // other way round.
  std::mutex mutex_;
  int id_ = -1;
  abi::DomainHandle handle_ = nullptr;
  // libdlb's descriptor of the domain, which its reset closes. -1 if it is not known.
  int fd_ = -1;
  bool closed_ = false;
  int pools_[2] = {0, 0};
  std::vector<std::shared_ptr<Port>> ports_;
  std::vector<Queue> queues_;
  // The sequence number groups that were changed for this domain, and their former division.
  std::vector<std::pair<unsigned, unsigned>> changed_groups_;
};

}  // namespace node_dlb::dlb
