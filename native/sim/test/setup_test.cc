// Opening, resources, ids, and the order of set-up and tear-down.
#include <array>

#include "../libdlb_sim.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

void FreshDevice() {
  dlb_hdl_t device = nullptr;
  CHECK_EQUAL(dlb_open(0, &device), 0);
  dlb_dev_cap_t cap{};
  CHECK_EQUAL(dlb_get_dev_capabilities(device, &cap), 0);
  CHECK_EQUAL(cap.flags, 127);
  dlb_resources_t r{};
  CHECK_EQUAL(dlb_get_num_resources(device, &r), 0);
  CHECK_EQUAL(r.num_sched_domains, 32);
  CHECK_EQUAL(r.num_ldb_queues, 32);
  CHECK_EQUAL(r.num_ldb_ports, 64);
  CHECK_EQUAL(r.num_ldb_ports_per_cos[3], 16);
  CHECK_EQUAL(r.num_dir_ports, 96);
  CHECK_EQUAL(r.num_ldb_event_state_entries, 2048);
  CHECK_EQUAL(r.credits.combined.num_credits, 16384);
  CHECK_EQUAL(r.num_sn_slots[1], 16);
  CHECK_EQUAL(dlb_close(device), 0);
  CHECK_EQUAL(dlb_sim_control("version 2.0"), 0);
  CHECK_EQUAL(dlb_open(0, &device), 0);
  CHECK_EQUAL(dlb_get_dev_capabilities(device, &cap), 0);
  CHECK_EQUAL(cap.flags, 15);
  CHECK_EQUAL(dlb_get_num_resources(device, &r), 0);
  CHECK_EQUAL(r.num_dir_ports, 64);
  CHECK_EQUAL(r.credits.separate.num_ldb_credits, 8192);
  CHECK_EQUAL(r.credits.separate.max_contiguous_dir_credits, 4096);
  CHECK_EQUAL(dlb_close(device), 0);
}

void Ids() {
  Rig rig;
  CHECK_EQUAL(rig.domain_id, 31);
  CHECK_EQUAL(rig.Queue(), 30);
  CHECK_EQUAL(rig.Queue(), 31);
  int first = 0;
  int second = 0;
  rig.LdbPort(8, 8, &first);
  rig.LdbPort(8, 8, &second);
  CHECK_EQUAL(first, 9);
  CHECK_EQUAL(second, 2);
  const int queue = rig.DirQueue();
  int port = -1;
  rig.DirPort(8, queue, &port);
  CHECK_EQUAL(port, queue);
  rig.TearDown();
}

void Accounting() {
  Rig rig;
  dlb_resources_t r{};
  CHECK_EQUAL(dlb_get_num_resources(rig.device, &r), 0);
  CHECK_EQUAL(r.num_sched_domains, 31);
  CHECK_EQUAL(r.num_ldb_ports, 60);
  CHECK_EQUAL(r.num_ldb_ports_per_cos[0], 12);
  CHECK_EQUAL(r.num_dir_ports, 92);
  CHECK_EQUAL(r.num_ldb_event_state_entries, 1024);
  CHECK_EQUAL(r.credits.combined.num_credits, 15360);
  CHECK_EQUAL(r.num_sn_slots[0], 14);
  dlb_create_sched_domain_t args{};
  args.num_ldb_queues = 31;
  CHECK_FAILS(dlb_create_sched_domain(rig.device, &args), EINVAL);
  dlb_adv_create_sched_domain_t adv{{0, 16, 0, 0}};
  args.num_ldb_queues = 1;
  const int other = dlb_adv_create_sched_domain(rig.device, &args, &adv);
  CHECK_EQUAL(other, 30);
  CHECK_EQUAL(dlb_get_num_resources(rig.device, &r), 0);
  CHECK_EQUAL(r.num_ldb_ports_per_cos[1], 0);
  CHECK_EQUAL(dlb_reset_sched_domain(rig.device, other), 0);
  CHECK_EQUAL(dlb_get_num_resources(rig.device, &r), 0);
  CHECK_EQUAL(r.num_ldb_ports_per_cos[1], 16);
  rig.TearDown();
}

void DomainBounds() {
  Rig rig({true, 1, 1, 1, 16, 64, 0, 1});
  rig.Queue();
  dlb_create_ldb_queue_t queue{};
  CHECK_FAILS(dlb_create_ldb_queue(rig.domain, &queue), EINVAL);
  CHECK_FAILS(dlb_create_credit_pool(rig.domain, 1), EINVAL);
  CHECK_FAILS(dlb_create_ldb_credit_pool(rig.domain, 1), EINVAL);
  dlb_create_port_t args = rig.PortArgs(12, 16);
  CHECK_FAILS(dlb_create_ldb_port(rig.domain, &args), EINVAL);
  args.cq_depth = 2048;
  CHECK_FAILS(dlb_create_ldb_port(rig.domain, &args), EINVAL);
  args.cq_depth = 4;
  args.num_ldb_event_state_entries = 17;
  CHECK_FAILS(dlb_create_ldb_port(rig.domain, &args), EINVAL);
  args.num_ldb_event_state_entries = 0;
  CHECK_FAILS(dlb_create_ldb_port(rig.domain, &args), EINVAL);
  args.num_ldb_event_state_entries = 16;
  args.use.cos_id = 1;
  CHECK_FAILS(dlb_create_ldb_port(rig.domain, &args), EINVAL);
  args.use.cos_id = 0;
  args.pools.credit_pool_id = 7;
  CHECK_FAILS(dlb_create_ldb_port(rig.domain, &args), EINVAL);
  rig.LdbPort(4, 16);
  rig.TearDown();
}

// On 2.0, a port needs the pools for the kinds that its domain has.
void PoolsOf20() {
  Rig rig({false, 1, 1, 0, 16, 64, 0, 0});
  CHECK_FAILS(dlb_create_credit_pool(rig.domain, 1), EINVAL);
  dlb_create_port_t args = rig.PortArgs(8, 8);
  args.pools.separate.dir_credit_pool_id = 33;
  CHECK(dlb_create_ldb_port(rig.domain, &args) >= 0);
  rig.TearDown();
}

void Links() {
  Rig rig({true, 9, 1, 1, 16, 64, 0, 0});
  dlb_port_hdl_t port = rig.LdbPort();
  std::array<int, 9> queues{};
  for (int& queue : queues) queue = rig.Queue();
  for (size_t i = 0; i < 8; i++) rig.Link(port, queues[i], 7);
  CHECK_FAILS(dlb_link_queue(port, queues[8], 0), EINVAL);
  CHECK_EQUAL(dlb_unlink_queue(port, queues[0]), 0);
  CHECK_FAILS(dlb_unlink_queue(port, queues[0]), EINVAL);
  CHECK_FAILS(dlb_link_queue(port, queues[8], 8), EINVAL);
  rig.Link(port, queues[8]);
  CHECK_FAILS(dlb_link_queue(rig.DirPort(), queues[0], 0), EINVAL);
  rig.TearDown();
}

void StartOrder() {
  Rig rig;
  CHECK_FAILS(dlb_start_sched_domain(rig.domain), ESRCH);
  rig.Start();
  CHECK_FAILS(dlb_launch_domain_alert_thread(rig.domain, nullptr, nullptr), EEXIST);
  CHECK_FAILS(dlb_start_sched_domain(rig.domain), EINVAL);
  dlb_create_ldb_queue_t queue{};
  CHECK_FAILS(dlb_create_ldb_queue(rig.domain, &queue), EINVAL);
  rig.TearDown();
}

void TearDownOrder() {
  Rig rig;
  rig.LdbPort();
  rig.Start();
  CHECK_FAILS(dlb_detach_sched_domain(rig.domain), EEXIST);
  rig.DetachPorts();
  CHECK_FAILS(dlb_reset_sched_domain(rig.device, rig.domain_id), EEXIST);
  CHECK_FAILS(dlb_close(rig.device), EEXIST);
  CHECK_EQUAL(dlb_detach_sched_domain(rig.domain), 0);
  CHECK_FAILS(dlb_reset_sched_domain(rig.device, 5), EPERM);
  CHECK_EQUAL(dlb_reset_sched_domain(rig.device, rig.domain_id), 0);
  CHECK_FAILS(dlb_reset_sched_domain(rig.device, rig.domain_id), EINVAL);
  CHECK_EQUAL(dlb_close(rig.device), 0);
}

void CreatorOnly() {
  Rig rig;
  dlb_hdl_t other = nullptr;
  CHECK_EQUAL(dlb_open(0, &other), 0);
  dlb_domain_hdl_t attached = dlb_attach_sched_domain(other, rig.domain_id);
  CHECK(attached != nullptr);
  CHECK_FAILS(dlb_launch_domain_alert_thread(attached, nullptr, nullptr), EPERM);
  CHECK_FAILS(dlb_reset_sched_domain(other, rig.domain_id), EPERM);
  CHECK_EQUAL(dlb_detach_sched_domain(attached), 0);
  CHECK_EQUAL(dlb_close(other), 0);
  rig.TearDown();
}

void SequenceNumbers() {
  Rig rig;
  unsigned n = 0;
  CHECK_EQUAL(dlb_get_num_ldb_sequence_number_groups(rig.device), 2);
  CHECK_EQUAL(dlb_get_min_ldb_sequence_number_allocation(rig.device), 64);
  // The domain has two slots of group 0, of which no queue uses one yet.
  CHECK_EQUAL(dlb_get_ldb_sequence_number_occupancy(rig.device, 0, &n), 0);
  CHECK_EQUAL(n, 2);
  CHECK_FAILS(dlb_set_ldb_sequence_number_allocation(rig.device, 0, 1024), EPERM);
  dlb_create_ldb_queue_t args{1024, 0};
  CHECK_FAILS(dlb_create_ldb_queue(rig.domain, &args), EINVAL);
  args.num_sequence_numbers = 64;
  CHECK(dlb_create_ldb_queue(rig.domain, &args) >= 0);
  CHECK(dlb_create_ldb_queue(rig.domain, &args) >= 0);
  CHECK_FAILS(dlb_create_ldb_queue(rig.domain, &args), EINVAL);
  CHECK_FAILS(dlb_set_ldb_sequence_number_allocation(rig.device, 1, 96), EINVAL);
  CHECK_EQUAL(dlb_set_ldb_sequence_number_allocation(rig.device, 1, 1024), 0);
  CHECK_EQUAL(dlb_get_ldb_sequence_number_allocation(rig.device, 1, &n), 0);
  CHECK_EQUAL(n, 1024);
  CHECK_EQUAL(dlb_get_ldb_sequence_number_occupancy(rig.device, 1, &n), 0);
  CHECK_EQUAL(n, 0);
  rig.TearDown();
}

}  // namespace

Tests SetupTests() {
  return {
      {"a fresh device has the hardware's capabilities and resources", FreshDevice},
      {"ids come from stacks", Ids},
      {"resources are what is free", Accounting},
      {"a domain has what it was given and no more", DomainBounds},
      {"a port of 2.0 needs the pools of what its domain has", PoolsOf20},
      {"a port has 8 links of priorities 0 to 7", Links},
      {"a domain starts after its alert thread, once", StartOrder},
      {"what is attached holds up detach, reset and close", TearDownOrder},
      {"only its creator resets a domain", CreatorOnly},
      {"sequence numbers are by group", SequenceNumbers},
  };
}

}  // namespace dlb_sim_test
