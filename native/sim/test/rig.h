#ifndef DLB_SIM_TEST_RIG_H
#define DLB_SIM_TEST_RIG_H

#include <cerrno>
#include <cstdint>
#include <vector>

#include "../libdlb.h"
#include "check.h"

namespace dlb_sim_test {

struct Shape {
  bool combined = true;
  uint32_t queues = 2;
  uint32_t ldb_ports = 4;
  uint32_t dir_ports = 4;
  uint32_t entries = 1024;
  uint32_t credits = 1024;
  uint32_t dir_credits = 256;
  uint32_t sn_slots = 2;
};

// An open device with one attached domain and its pool (two pools on 2.0), and the steps that tests
// repeat.
class Rig {
 public:
  explicit Rig(const Shape& shape = {});
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  int Queue(uint32_t sequence_numbers = 0);
  int DirQueue(int port = -1);
  dlb_port_hdl_t LdbPort(uint16_t depth = 8, uint32_t entries = 0, int* id = nullptr);
  // With a `queue`, the port is that queue's.
  dlb_port_hdl_t DirPort(uint16_t depth = 8, int queue = -1, int* id = nullptr);
  dlb_create_port_t PortArgs(uint16_t depth, uint32_t entries) const;
  // A port can have 8 links at most.
  void Link(dlb_port_hdl_t port, int queue, int priority = 0);
  void LaunchAlerts();
  void Start();
  // Closes everything in libdlb's order, and checks that every call succeeds.
  void TearDown();
  void DetachPorts();

  dlb_hdl_t device = nullptr;
  dlb_domain_hdl_t domain = nullptr;
  int domain_id = -1;
  uint32_t pool = 0;
  uint32_t dir_pool = 0;

 private:
  std::vector<dlb_port_hdl_t> ports_;
};

struct Spec {
  int queue = 0;
  uint8_t type = DLB_SCHED_UNORDERED;
  uint8_t priority = 0;
  uint16_t flow = 0;
  uint8_t weight = 0;
};

// Returns events that are numbered from `first`, in udata64.
std::vector<dlb_event_t> Events(uint32_t count, const Spec& spec, uint64_t first = 0);
int Send(dlb_port_hdl_t port, uint32_t count, const Spec& spec, uint64_t first = 0);
int Forward(dlb_port_hdl_t port, uint32_t count, const Spec& spec, uint64_t first = 0);
// The numbers of the events that one dlb_recv returns.
std::vector<uint64_t> Receive(dlb_port_hdl_t port, uint32_t max = 64);
std::vector<uint64_t> Numbers(uint64_t first, uint64_t end);
// Receives and releases until there are no more events.
std::vector<uint64_t> Drain(dlb_port_hdl_t port, bool directed = false);

}  // namespace dlb_sim_test

#endif
