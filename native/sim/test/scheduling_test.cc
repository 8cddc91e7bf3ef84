// Unordered, atomic and directed scheduling; bounds, priorities, links.
#include <algorithm>

#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

void Balanced() {
  Rig rig;
  const int queue = rig.Queue();
  std::vector<dlb_port_hdl_t> ports;
  for (int i = 0; i < 4; i++) ports.push_back(rig.LdbPort(16));
  for (dlb_port_hdl_t port : ports) rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(ports[0], 20, {queue}), 20);
  for (dlb_port_hdl_t port : ports) CHECK_EQUAL(Receive(port).size(), 5);
  CHECK_EQUAL(dlb_release(ports[2], 3), 3);
  CHECK_EQUAL(Send(ports[0], 3, {queue}, 100), 3);
  CHECK_EQUAL(Receive(ports[2]), Numbers(100, 103));
  for (dlb_port_hdl_t port : ports) CHECK_EQUAL(dlb_release(port, 5), 5);
  rig.TearDown();
}

void Bounds() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort(8, 12);
  dlb_port_hdl_t sender = rig.DirPort();
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(sender, 30, {queue}), 30);
  CHECK_EQUAL(Receive(port), Numbers(0, 8));
  CHECK_EQUAL(Receive(port), Numbers(8, 12));
  CHECK_EQUAL(Receive(port).size(), 0);
  CHECK_EQUAL(dlb_release(port, 1), 1);
  CHECK_EQUAL(Receive(port), Numbers(12, 13));
  CHECK_EQUAL(dlb_release(port, 12), 12);
  CHECK_EQUAL(Drain(port), Numbers(13, 30));
  rig.TearDown();
}

// A queue has a limit of events in flight over all its ports, whatever the ports could hold.
void InFlightLimit() {
  Rig rig({true, 2, 2, 2, 2048, 2048, 256, 2});
  const int queue = rig.Queue();
  const int other = rig.Queue();
  dlb_port_hdl_t a = rig.LdbPort(1024, 1024);
  dlb_port_hdl_t b = rig.LdbPort(1024, 1024);
  for (dlb_port_hdl_t port : {a, b}) {
    rig.Link(port, queue);
    rig.Link(port, other);
  }
  rig.Start();
  const auto statistic = [&](uint32_t type) {
    uint64_t value = 0;
    CHECK_EQUAL(dlb_get_xstats(rig.device, type, static_cast<uint32_t>(queue), &value), 0);
    return value;
  };
  CHECK_EQUAL(statistic(0x10001), 512U);
  CHECK_EQUAL(Send(a, 600, {queue}), 600);
  CHECK_EQUAL(statistic(0x10000), 512U);
  CHECK_EQUAL(statistic(0x10006), 88U);
  CHECK_EQUAL(Receive(a, 1024).size(), 256);
  CHECK_EQUAL(Receive(b, 1024).size(), 256);
  // Receiving is not enough: the events must be released.
  CHECK_EQUAL(Receive(a, 1024).size() + Receive(b, 1024).size(), 0);
  // Another queue is not affected.
  CHECK_EQUAL(Send(b, 4, {other}), 4);
  CHECK_EQUAL(Receive(a, 1024).size() + Receive(b, 1024).size(), 4);
  CHECK_EQUAL(dlb_release(a, 10), 10);
  CHECK_EQUAL(Receive(a, 1024).size() + Receive(b, 1024).size(), 10);
  CHECK_EQUAL(statistic(0x10000), 512U);
  CHECK_EQUAL(dlb_release(a, 258), 258);
  CHECK_EQUAL(dlb_release(b, 258), 258);
  CHECK_EQUAL(Drain(a).size() + Drain(b).size(), 78);
  rig.TearDown();
}

// A queue with sequence numbers has those as its limit, for atomic events as well.
void InFlightLimitOfOrdered() {
  Rig rig;
  const int queue = rig.Queue(64);
  dlb_port_hdl_t port = rig.LdbPort(128, 128);
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(port, 100, {queue, DLB_SCHED_ATOMIC, 0, 1}), 100);
  CHECK_EQUAL(Receive(port, 128), Numbers(0, 64));
  CHECK_EQUAL(dlb_release(port, 64), 64);
  CHECK_EQUAL(Receive(port, 128), Numbers(64, 100));
  CHECK_EQUAL(dlb_release(port, 36), 36);
  rig.TearDown();
}

void ReceivedBytes() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  dlb_event_t event{0x1122334455667788, 0x99aa, static_cast<uint8_t>(queue), DLB_SCHED_ATOMIC | 5 << 2, 0xbeef, 0, 77};
  CHECK_EQUAL(dlb_send(port, 1, &event), 1);
  CHECK_EQUAL(event.command, DLB_CMD_NEW);
  dlb_event_t got{};
  errno = 5;
  CHECK_EQUAL(dlb_recv(port, 1, false, &got), 1);
  CHECK_EQUAL(errno, 5);
  CHECK_EQUAL(got.udata64, event.udata64);
  CHECK_EQUAL(got.udata16, event.udata16);
  CHECK_EQUAL(got.flow_id, event.flow_id);
  CHECK_EQUAL(got.type_priority, event.type_priority);
  CHECK_EQUAL(got.command & 0x20, 0);
  CHECK_EQUAL(dlb_release(port, 1), 1);
  rig.TearDown();
}

void Atomic() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t a = rig.LdbPort();
  dlb_port_hdl_t b = rig.LdbPort();
  dlb_port_hdl_t sender = rig.DirPort();
  rig.Link(a, queue);
  rig.Link(b, queue);
  rig.Start();
  CHECK_EQUAL(Send(sender, 20, {queue, DLB_SCHED_ATOMIC, 0, 1}), 20);
  CHECK_EQUAL(Send(sender, 5, {queue, DLB_SCHED_ATOMIC, 0, 2}, 50), 5);
  const std::vector<uint64_t> at_a = Receive(a);
  const std::vector<uint64_t> at_b = Receive(b);
  dlb_port_hdl_t holder = at_a[0] == 0 ? a : b;
  dlb_port_hdl_t other = holder == a ? b : a;
  // A full port delays its flow, and no other.
  CHECK_EQUAL(holder == a ? at_a : at_b, Numbers(0, 8));
  CHECK_EQUAL(holder == a ? at_b : at_a, Numbers(50, 55));
  CHECK_EQUAL(dlb_release(other, 5), 5);
  CHECK_EQUAL(Receive(other).size(), 0);
  CHECK_EQUAL(dlb_disable_port(holder), 0);
  CHECK_EQUAL(dlb_release(holder, 7), 7);
  CHECK_EQUAL(Receive(other).size(), 0);
  CHECK_EQUAL(dlb_release(holder, 1), 1);
  CHECK_EQUAL(Drain(other), Numbers(8, 20));
  rig.TearDown();
}

void Priorities() {
  Rig rig;
  const int queue = rig.Queue();
  const int better = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort(1);
  dlb_port_hdl_t sender = rig.DirPort();
  rig.Link(port, queue, 5);
  rig.Link(port, better, 2);
  rig.Start();
  for (uint8_t priority = 0; priority < 8; priority++) {
    const uint8_t reversed = static_cast<uint8_t>(7 - priority);
    CHECK_EQUAL(Send(sender, 2, {queue, DLB_SCHED_UNORDERED, reversed}, 10 * reversed), 2);
  }
  CHECK_EQUAL(Send(sender, 1, {better, DLB_SCHED_UNORDERED, 7}, 200), 1);
  // The first event went to the CQ at once.
  const std::vector<uint64_t> expected = {70, 200, 0, 1, 10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61, 71};
  CHECK_EQUAL(Drain(port), expected);
  rig.TearDown();
}

void Directed() {
  for (const bool combined : {true, false}) {
    Shape shape;
    shape.combined = combined;
    Rig rig(shape);
    const int queue = rig.DirQueue();
    dlb_port_hdl_t port = rig.DirPort(4, queue);
    rig.Start();
    CHECK_EQUAL(Send(port, 10, {queue, DLB_SCHED_DIRECTED, 3}), 10);
    CHECK_EQUAL(Send(port, 1, {queue, DLB_SCHED_DIRECTED, 1}, 99), 1);
    const std::vector<uint64_t> expected = {0, 1, 2, 3, 99, 4, 5, 6, 7, 8, 9};
    CHECK_EQUAL(Drain(port, true), expected);
    CHECK_FAILS(dlb_release(port, 1), EINVAL);
    CHECK_EQUAL(Forward(port, 3, {queue, DLB_SCHED_DIRECTED}), 3);
    CHECK_EQUAL(Drain(port, true), Numbers(0, 3));
    rig.TearDown();
  }
}

void UnlinkedAndDisabled() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t a = rig.LdbPort();
  dlb_port_hdl_t b = rig.LdbPort();
  rig.Link(a, queue);
  rig.Link(b, queue);
  rig.Start();
  CHECK_EQUAL(dlb_unlink_queue(a, queue), 0);
  CHECK_EQUAL(Send(a, 4, {queue}), 4);
  CHECK_EQUAL(Drain(b), Numbers(0, 4));
  rig.Link(a, queue);
  CHECK_EQUAL(dlb_disable_port_sched(b), 0);
  CHECK_EQUAL(Send(b, 4, {queue}), 4);
  CHECK_EQUAL(Receive(b).size(), 0);
  CHECK_EQUAL(dlb_disable_port(a), 0);
  CHECK_EQUAL(Drain(b).size(), 0);
  // The events in the disabled port's CQ are still delivered; then receives fail with EACCES.
  CHECK_EQUAL(Receive(a), Numbers(0, 4));
  dlb_event_t event{};
  CHECK_FAILS(dlb_recv(a, 1, false, &event), EACCES);
  CHECK_FAILS(Send(a, 1, {queue}), EACCES);
  CHECK_EQUAL(dlb_release(a, 4), 4);
  CHECK_EQUAL(dlb_enable_port_sched(b), 0);
  CHECK_EQUAL(Send(b, 4, {queue}), 4);
  CHECK_EQUAL(Drain(b), Numbers(0, 4));
  CHECK_EQUAL(dlb_enable_port(a), 0);
  CHECK_EQUAL(Send(a, 2, {queue}), 2);
  CHECK_EQUAL(Drain(a).size() + Drain(b).size(), 2);
  rig.TearDown();
}

void Tokens() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort(4, 64);
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(port, 10, {queue}), 10);
  std::vector<dlb_event_t> events(8);
  CHECK_EQUAL(dlb_recv_no_pop(port, 8, false, events.data()), 4);
  CHECK_EQUAL(dlb_recv_no_pop(port, 8, false, events.data()), 0);
  CHECK_EQUAL(dlb_pop_cq(port, 1), 1);
  CHECK_EQUAL(dlb_recv_no_pop(port, 8, false, events.data()), 1);
  // Three of the four tokens are returned by one record, and one with a release.
  dlb_event_t commands[2] = {};
  commands[0].command = DLB_CMD_BAT_T;
  commands[0].flow_id = 2;
  commands[1].command = DLB_CMD_REL_T;
  CHECK_EQUAL(dlb_adv_send(port, 2, commands), 2);
  CHECK_EQUAL(Receive(port).size(), 4);
  CHECK_FAILS(dlb_adv_send(port, 1, commands), EINVAL);
  CHECK_EQUAL(dlb_release(port, 8), 8);
  CHECK_EQUAL(Drain(port).size(), 1);
  rig.TearDown();
}

void Weights() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort(8, 64);
  rig.Link(port, queue);
  CHECK_EQUAL(dlb_enable_cq_weight(port), 0);
  rig.Start();
  CHECK_FAILS(dlb_enable_cq_weight(port), EINVAL);
  CHECK_EQUAL(Send(port, 6, {queue, DLB_SCHED_UNORDERED, 0, 0, 2}), 6);
  CHECK_EQUAL(Receive(port), Numbers(0, 2));
  CHECK_EQUAL(dlb_release(port, 2), 2);
  CHECK_EQUAL(Drain(port), Numbers(2, 6));
  rig.TearDown();
}

void Statistics() {
  Rig rig;
  const int queue = rig.Queue();
  int id = 0;
  dlb_port_hdl_t port = rig.LdbPort(8, 8, &id);
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(port, 20, {queue}), 20);
  CHECK_EQUAL(Receive(port, 2).size(), 2);
  uint64_t value = 0;
  const auto stat = [&](uint32_t type, int of) {
    CHECK_EQUAL(dlb_get_xstats(rig.device, type, static_cast<uint32_t>(of), &value), 0);
    return value;
  };
  CHECK_EQUAL(stat(0x10000, queue), 8);
  CHECK_EQUAL(stat(0x10006, queue), 12);
  CHECK_EQUAL(stat(0x10002, queue), 0);
  CHECK_EQUAL(stat(0x20000, id), 6);
  CHECK_EQUAL(stat(0x20003, id), 8);
  CHECK_FAILS(dlb_get_xstats(rig.device, 0x10005, static_cast<uint32_t>(queue), &value), EINVAL);
  CHECK_EQUAL(dlb_adv_read_queue_depth_counter(rig.domain, queue, false, 0), 20);
  CHECK_EQUAL(dlb_adv_reset_queue_depth_counter(rig.domain, queue, false, 0), 0);
  CHECK_EQUAL(dlb_adv_read_queue_depth_counter(rig.domain, queue, false, 0), 0);
  CHECK_EQUAL(dlb_release(port, 2), 2);
  CHECK_EQUAL(Drain(port).size(), 18);
  rig.TearDown();
}

}  // namespace

Tests SchedulingTests() {
  return {
      {"a queue has 512 events in flight at most, over all its ports", InFlightLimit},
      {"a queue with sequence numbers has as many in flight", InFlightLimitOfOrdered},
      {"the least loaded port gets the next event", Balanced},
      {"depth bounds the CQ, entries what is not released", Bounds},
      {"an event arrives as it was sent", ReceivedBytes},
      {"a flow stays at the port that has it", Atomic},
      {"link priority goes before event priority, and that before age", Priorities},
      {"directed events go to their port", Directed},
      {"unlinked and disabled ports get nothing", UnlinkedAndDisabled},
      {"tokens bound the CQ until they are returned", Tokens},
      {"weights count against the depth until released", Weights},
      {"statistics show where the events are", Statistics},
  };
}

}  // namespace dlb_sim_test
