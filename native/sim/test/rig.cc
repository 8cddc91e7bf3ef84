#include "rig.h"

#include "../libdlb_sim.h"

namespace dlb_sim_test {
namespace {

void OnAlert(dlb_alert_t*, int, void*) {}

}  // namespace

Rig::Rig(const Shape& shape) {
  CHECK_EQUAL(dlb_sim_control(shape.combined ? "version 2.5" : "version 2.0"), 0);
  CHECK_EQUAL(dlb_open(0, &device), 0);
  dlb_create_sched_domain_t args{};
  args.num_ldb_queues = shape.queues;
  args.num_ldb_ports = shape.ldb_ports;
  args.num_dir_ports = shape.dir_ports;
  args.num_ldb_event_state_entries = shape.entries;
  args.num_sn_slots[0] = shape.sn_slots;
  if (shape.combined) {
    args.credits.combined = {shape.credits, 1};
  } else {
    args.credits.separate = {shape.credits, shape.dir_credits, 1, 1};
  }
  domain_id = dlb_create_sched_domain(device, &args);
  CHECK(domain_id >= 0);
  domain = dlb_attach_sched_domain(device, domain_id);
  CHECK(domain != nullptr);
  const int credits = static_cast<int>(shape.credits);
  pool = static_cast<uint32_t>(shape.combined ? dlb_create_credit_pool(domain, credits)
                                              : dlb_create_ldb_credit_pool(domain, credits));
  if (shape.combined) return;
  dir_pool = static_cast<uint32_t>(dlb_create_dir_credit_pool(domain, static_cast<int>(shape.dir_credits)));
}

int Rig::Queue(uint32_t sequence_numbers) {
  dlb_create_ldb_queue_t args{sequence_numbers, 0};
  const int id = dlb_create_ldb_queue(domain, &args);
  CHECK(id >= 0);
  return id;
}

int Rig::DirQueue(int port) {
  const int id = dlb_create_dir_queue(domain, port);
  CHECK(id >= 0);
  return id;
}

dlb_create_port_t Rig::PortArgs(uint16_t depth, uint32_t entries) const {
  dlb_create_port_t args{};
  args.pools.separate = {pool, dir_pool};
  args.cq_depth = depth;
  args.num_ldb_event_state_entries = entries;
  return args;
}

dlb_port_hdl_t Rig::LdbPort(uint16_t depth, uint32_t entries, int* id) {
  dlb_create_port_t args = PortArgs(depth, entries == 0 ? depth : entries);
  args.use.cos_id = 4;
  const int created = dlb_create_ldb_port(domain, &args);
  CHECK(created >= 0);
  if (id != nullptr) *id = created;
  ports_.push_back(dlb_attach_ldb_port(domain, created));
  CHECK(ports_.back() != nullptr);
  return ports_.back();
}

dlb_port_hdl_t Rig::DirPort(uint16_t depth, int queue, int* id) {
  dlb_create_port_t args = PortArgs(depth, 0);
  const int created = dlb_create_dir_port(domain, &args, queue);
  CHECK(created >= 0);
  if (id != nullptr) *id = created;
  ports_.push_back(dlb_attach_dir_port(domain, created));
  CHECK(ports_.back() != nullptr);
  return ports_.back();
}

void Rig::Link(dlb_port_hdl_t port, int queue, int priority) { CHECK_EQUAL(dlb_link_queue(port, queue, priority), 0); }

void Rig::LaunchAlerts() { CHECK_EQUAL(dlb_launch_domain_alert_thread(domain, OnAlert, nullptr), 0); }

void Rig::Start() {
  LaunchAlerts();
  CHECK_EQUAL(dlb_start_sched_domain(domain), 0);
}

void Rig::DetachPorts() {
  for (dlb_port_hdl_t port : ports_) CHECK_EQUAL(dlb_detach_port(port), 0);
  ports_.clear();
}

void Rig::TearDown() {
  DetachPorts();
  CHECK_EQUAL(dlb_detach_sched_domain(domain), 0);
  CHECK_EQUAL(dlb_reset_sched_domain(device, domain_id), 0);
  CHECK_EQUAL(dlb_close(device), 0);
}

std::vector<dlb_event_t> Events(uint32_t count, const Spec& spec, uint64_t first) {
  std::vector<dlb_event_t> events(count);
  for (uint32_t i = 0; i < count; i++) {
    events[i].udata64 = first + i;
    events[i].queue_id = static_cast<uint8_t>(spec.queue);
    events[i].type_priority = static_cast<uint8_t>(spec.type | spec.priority << 2);
    events[i].flow_id = spec.flow;
    events[i].weight = static_cast<uint8_t>(spec.weight << 1);
  }
  return events;
}

int Send(dlb_port_hdl_t port, uint32_t count, const Spec& spec, uint64_t first) {
  return dlb_send(port, count, Events(count, spec, first).data());
}

int Forward(dlb_port_hdl_t port, uint32_t count, const Spec& spec, uint64_t first) {
  return dlb_forward(port, count, Events(count, spec, first).data());
}

std::vector<uint64_t> Receive(dlb_port_hdl_t port, uint32_t max) {
  std::vector<dlb_event_t> events(max);
  const int count = dlb_recv(port, max, false, events.data());
  CHECK(count >= 0);
  std::vector<uint64_t> numbers;
  for (int i = 0; i < count; i++) numbers.push_back(events[static_cast<size_t>(i)].udata64);
  return numbers;
}

std::vector<uint64_t> Numbers(uint64_t first, uint64_t end) {
  std::vector<uint64_t> numbers;
  for (uint64_t i = first; i < end; i++) numbers.push_back(i);
  return numbers;
}

std::vector<uint64_t> Drain(dlb_port_hdl_t port, bool directed) {
  std::vector<uint64_t> all;
  for (;;) {
    const std::vector<uint64_t> numbers = Receive(port, 1);
    if (numbers.empty()) return all;
    all.insert(all.end(), numbers.begin(), numbers.end());
    if (!directed) CHECK_EQUAL(dlb_release(port, 1), 1);
  }
}

}  // namespace dlb_sim_test
