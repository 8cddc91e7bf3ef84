#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "alerts.h"
#include "device.h"
#include "port.h"

namespace node_dlb::dlb {

// A scheduling domain, for all threads of the process: one handle of libdlb's, which locks calls on
// it.
//
// Thread: any; those that configure are for the thread that created it. Ownership: the registry's
// while it is open; those who have a port or a token keep the object, not the domain.
class Domain {
 public:
  struct Config {
    abi::CreateDomain domain;
    abi::CreateDomainAdvanced classes;
    // How many sequence numbers a slot of each group is to have.
    uint32_t sequence_numbers[2];
    // [0] for load-balanced events, or all if credits are combined; [1] for directed ones.
    uint32_t pools[2];
    // The contract's bound.
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
    int queue;  // of a directed port; -1: one of its own
    bool weight;
  };

  static std::shared_ptr<Domain> Create(std::shared_ptr<Device> device, const Config& config, SystemError* error);
  ~Domain();

  int id() const { return id_; }
  const std::string& key() const { return key_; }
  // Marks the event buffers that go with it.
  uint32_t number() const { return number_; }
  const std::shared_ptr<Device>& device() const { return device_; }
  DomainState& state() { return *state_; }
  Alerts& alerts() { return *alerts_; }
  bool closed();

  // The created id, or -1 with an error.
  int CreateLdbQueue(uint32_t sequence_numbers, uint32_t lock_id_compression, SystemError* error);
  int CreateDirQueue(int port, SystemError* error);
  std::shared_ptr<Port> CreatePort(const PortConfig& config, SystemError* error);
  SystemError Start();

  std::shared_ptr<Port> FindPort(bool directed, int id);
  std::vector<std::shared_ptr<Port>> ports();
  std::vector<Queue> queues();
  // False if the library cannot tell, or the domain is closed.
  bool Statistic(uint32_t type, int id, uint64_t* value);
  int64_t ReadDepthCounter(const Queue& queue, uint32_t level, SystemError* error);
  SystemError ResetDepthCounter(const Queue& queue, uint32_t level);
  // Whether the device was reset, as the ports tell: an alert's word is not enough (libdlb passes
  // hardware errors on with an id that it did not set).
  bool ConfirmReset();

  // Ends it in every thread and gives everything back. The first failure, after which it goes on
  // all the same.
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

  // Below: under the mutex. Ports' own locks are taken inside it, never the other way round.
  std::mutex mutex_;
  int id_ = -1;
  abi::DomainHandle handle_ = nullptr;
  // Libdlb's, which its reset closes. -1: not known.
  int fd_ = -1;
  bool closed_ = false;
  int pools_[2] = {0, 0};
  std::vector<std::shared_ptr<Port>> ports_;
  std::vector<Queue> queues_;
  // Sequence number groups that were changed for this domain, and what they were.
  std::vector<std::pair<unsigned, unsigned>> changed_groups_;
};

}  // namespace node_dlb::dlb
