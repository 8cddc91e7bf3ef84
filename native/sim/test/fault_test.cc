// Faults on demand.
#include <cstring>

#include "../libdlb_sim.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

void Control(const char* command) { CHECK_EQUAL(dlb_sim_control(command), 0); }

void Devices() {
  dlb_hdl_t device = nullptr;
  Control("devices none");
  CHECK_FAILS(dlb_open(0, &device), ENOENT);
  Control("devices 3+5");
  CHECK_FAILS(dlb_open(0, &device), ENOENT);
  CHECK_EQUAL(dlb_open(3, &device), 0);
  CHECK_EQUAL(dlb_close(device), 0);
  Control("open EACCES");
  CHECK_FAILS(dlb_open(3, &device), EACCES);
  CHECK_FAILS(dlb_open(0, &device), ENOENT);
  Control("clear-faults");
  CHECK_EQUAL(dlb_open(5, &device), 0);
  CHECK_EQUAL(dlb_close(device), 0);
}

void KthUse() {
  Control("fail dlb_create_ldb_queue 2 ENOMEM");
  Control("fail dlb_create_dir_queue 1-2 5");
  Rig rig;
  rig.Queue();
  dlb_create_ldb_queue_t args{};
  CHECK_FAILS(dlb_create_ldb_queue(rig.domain, &args), ENOMEM);
  rig.Queue();
  CHECK_FAILS(dlb_create_dir_queue(rig.domain, -1), 5);
  CHECK_FAILS(dlb_create_dir_queue(rig.domain, -1), 5);
  rig.DirQueue();
  rig.TearDown();
}

void Environment() {
  setenv("DLB_SIM", "version=2.0,devices=0+3,ldb-ports=20,fail=dlb_close:1:EIO", 1);
  dlb_sim_reset();
  dlb_hdl_t device = nullptr;
  CHECK_EQUAL(dlb_open(3, &device), 0);
  dlb_resources_t resources{};
  CHECK_EQUAL(dlb_get_num_resources(device, &resources), 0);
  CHECK_EQUAL(resources.num_ldb_ports, 20);
  CHECK_EQUAL(resources.num_ldb_ports_per_cos[1], 4);
  CHECK_EQUAL(resources.credits.separate.num_dir_credits, 4096);
  CHECK_FAILS(dlb_close(device), EIO);
  CHECK_EQUAL(dlb_close(device), 0);
  setenv("DLB_SIM", "versoin=2.0", 1);
  dlb_sim_reset();
  CHECK_FAILS(dlb_open(0, &device), EINVAL);
  unsetenv("DLB_SIM");
  dlb_sim_reset();
}

void Limits() {
  for (const char* command : {"domains 1", "ldb-queues 1", "dir-ports 2", "entries 64", "credits 100", "pools 1"}) {
    Control(command);
  }
  Rig rig({true, 1, 2, 2, 64, 100, 0, 0});
  dlb_resources_t r{};
  CHECK_EQUAL(dlb_get_num_resources(rig.device, &r), 0);
  CHECK_EQUAL(r.num_sched_domains + r.num_ldb_queues + r.num_dir_ports + r.num_ldb_event_state_entries, 0);
  CHECK_EQUAL(r.credits.combined.num_credits + r.credits.combined.num_credit_pools, 0);
  CHECK_EQUAL(dlb_sim_control("credits 7"), -1);
  CHECK_EQUAL(std::strcmp(dlb_sim_error(), "credits: not while there are domains"), 0);
  rig.TearDown();
}

void RefusedSettings() {
  Rig rig;
  CHECK_EQUAL(dlb_sim_control("queue-in-flight 2"), -1);
  CHECK_EQUAL(dlb_sim_control("version 2.0"), -1);
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  CHECK_EQUAL(Send(port, 5, {queue}), 5);
  CHECK_EQUAL(Receive(port).size(), 5);
  CHECK_EQUAL(dlb_release(port, 5), 5);
  rig.TearDown();
  // At this point the device would apply the commands that came before.
  Control("device-reset 0");
  dlb_hdl_t device = nullptr;
  dlb_dev_cap_t cap{};
  CHECK_EQUAL(dlb_open(0, &device), 0);
  CHECK_EQUAL(dlb_get_dev_capabilities(device, &cap), 0);
  CHECK_EQUAL(cap.flags, 127);
  CHECK_EQUAL(dlb_close(device), 0);
}

void UnknownCommands() {
  CHECK_EQUAL(dlb_sim_control("frobnicate 3"), -1);
  CHECK_EQUAL(std::strcmp(dlb_sim_error(), "unknown command: frobnicate"), 0);
  for (const char* command : {"", "fail dlb_open", "fail dlb_open x EIO", "fail dlb_open 1 EWHAT", "version 3",
                              "send-limit", "error-flag x", "devices a", "watchdog 1", "interrupts never"}) {
    CHECK_EQUAL(dlb_sim_control(command), -1);
  }
}

void ShortSends() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort(128);
  rig.Link(port, queue);
  rig.Start();
  Control("send-limit 5");
  CHECK_EQUAL(Send(port, 8, {queue}), 5);
  Control("clear-faults");
  Control("send-zero 2");
  CHECK_EQUAL(Send(port, 8, {queue}), 8);
  CHECK_EQUAL(Send(port, 8, {queue}), 0);
  CHECK_EQUAL(Send(port, 8, {queue}), 8);
  Control("send-zero 0");
  Control("send-half");
  CHECK_EQUAL(Send(port, 8, {queue}), 4);
  CHECK_EQUAL(Drain(port).size(), 25);
  rig.TearDown();
}

void DataPathErrors() {
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  Control("fail dlb_recv 1 EPERM");
  Control("fail dlb_send 2+ EINVAL");
  CHECK_EQUAL(Send(port, 1, {queue}), 1);
  CHECK_FAILS(Send(port, 1, {queue}), EINVAL);
  dlb_event_t event{};
  CHECK_FAILS(dlb_recv(port, 1, false, &event), EPERM);
  Control("error-flag 2");
  Control("clear-faults");
  Control("error-flag 1");
  CHECK_EQUAL(dlb_recv(port, 1, false, &event), 1);
  CHECK_EQUAL(event.command & 0x20, 0x20);
  CHECK_EQUAL(dlb_release(port, 1), 1);
  rig.TearDown();
}

void RefusedStart() {
  Control("refuse-start");
  Rig rig;
  const int queue = rig.Queue();
  dlb_port_hdl_t port = rig.LdbPort();
  rig.Link(port, queue);
  rig.Start();
  // The library sends, and the device takes nothing of it.
  CHECK_EQUAL(Send(port, 1, {queue}), 1);
  EXPECT_BREACH("whose start was refused");
  CHECK_EQUAL(Receive(port).size(), 0);
  rig.TearDown();
}

void StopsScheduling() {
  Rig rig;
  const int queue = rig.Queue();
  int id = 0;
  dlb_port_hdl_t port = rig.LdbPort(8);
  dlb_port_hdl_t sender = rig.DirPort(8, -1, &id);
  const int directed = rig.DirQueue(id);
  rig.Link(port, queue);
  rig.Start();
  Control("stop-scheduling 3");
  CHECK_EQUAL(Send(sender, 5, {queue}), 5);
  CHECK_EQUAL(Send(sender, 1, {directed, DLB_SCHED_DIRECTED}), 1);
  CHECK_EQUAL(Receive(port), Numbers(0, 3));
  CHECK_EQUAL(dlb_release(port, 3), 3);
  CHECK_EQUAL(Receive(port).size(), 0);
  CHECK_EQUAL(Receive(sender).size(), 0);
  rig.TearDown();
}

void PoisonedHandle() {
  Control("fail dlb_create_sched_domain 1 -1");
  dlb_hdl_t device = nullptr;
  CHECK_EQUAL(dlb_open(0, &device), 0);
  dlb_create_sched_domain_t args{};
  CHECK_FAILS(dlb_create_sched_domain(device, &args), -1);
  CHECK_EQUAL(dlb_close(device), 0);
  EXPECT_BREACH("which crashes");
}

}  // namespace

Tests FaultTests() {
  return {
      {"devices that are missing, elsewhere, or not permitted", Devices},
      {"a call fails at its k-th use", KthUse},
      {"DLB_SIM has the same commands", Environment},
      {"a device can have less of everything", Limits},
      {"a setting that is refused while there are domains changes nothing", RefusedSettings},
      {"what is not understood is said", UnknownCommands},
      {"sends can be partial and empty", ShortSends},
      {"calls of the data path can fail, events be damaged", DataPathErrors},
      {"a start that the driver refused looks like one", RefusedStart},
      {"a device can stop to schedule after n events", StopsScheduling},
      {"a failed creation poisons the handle", PoisonedHandle},
  };
}

}  // namespace dlb_sim_test
