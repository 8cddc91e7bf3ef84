// libdlb's calls on an attached port: set-up.
#include <fcntl.h>

#include "api.h"

using namespace dlb_sim;

namespace {

using PortSetup = SetupCall<PortHandle>;

// Reports what the driver does not check, and what goes wrong on the device because of it.
void CheckEventfd(World* world, const Port& port, bool is_ldb, int efd) {
  if (port.directed() == is_ldb) world->breaches.Add("dlb_enable_cq_epoll with the wrong kind of port %d", port.id());
  if (efd == 0) world->breaches.Add("dlb_enable_cq_epoll with descriptor 0, which libdlb takes for none");
  const int flags = fcntl(efd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) {
    world->breaches.Add("the eventfd of port %d is not EFD_NONBLOCK", port.id());
  }
}

bool IsValid(const dlb_wait_profile_t& profile, const Knobs& knobs) {
  if (profile.type < DLB_WAIT_INTR || profile.type > DLB_WAIT_TIMEOUT_SLEEP_POLL) return false;
  return profile.type != DLB_WAIT_INTR_LOW_POWER || knobs.has_umwait;
}

}  // namespace

int dlb_detach_port(dlb_port_hdl_t hdl) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  if (call.handle->port->users != 0) {
    call.world.breaches.Add("dlb_detach_port of port %d while a thread uses it", call.handle->port->id());
  }
  call.world.DetachPort(call.handle);
  return 0;
}

int dlb_link_queue(dlb_port_hdl_t hdl, int queue_id, int priority) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  return call.handle->port->domain()->Link(call.handle->port, queue_id, priority);
}

int dlb_unlink_queue(dlb_port_hdl_t hdl, int queue_id) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  return call.handle->port->domain()->Unlink(call.handle->port, queue_id);
}

int dlb_enable_cq_weight(dlb_port_hdl_t hdl) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  Domain* domain = call.handle->port->domain();
  if (!domain->combined() || domain->started || call.handle->port->directed()) return Fail(EINVAL);
  call.handle->port->cq()->weighted = true;
  return 0;
}

int dlb_enable_cq_epoll(dlb_port_hdl_t hdl, bool is_ldb, int efd) {
  const PortSetup call(hdl, __func__);
  if (call.handle == nullptr) return Fail(EINVAL);
  CheckEventfd(&call.world, *call.handle->port, is_ldb, efd);
  // This happens even if the driver refuses: libdlb then reads a descriptor to which the device
  // does not write.
  call.handle->receiver.eventfd = efd;
  if (call.error == 0) call.handle->port->StartEpoll(efd);
  return Result(call.error);
}

int dlb_set_wait_profile(dlb_port_hdl_t hdl, int api_class, dlb_wait_profile_t profile) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  if (api_class != 0 || !IsValid(profile, call.world.knobs)) return Fail(EINVAL);
  call.handle->receiver.profile = profile;
  return 0;
}

int dlb_get_wait_profile(dlb_port_hdl_t hdl, int api_class, dlb_wait_profile_t* profile) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  if (api_class != 0 || profile == nullptr) return Fail(EINVAL);
  *profile = call.handle->receiver.profile;
  return 0;
}

int dlb_enable_port(dlb_port_hdl_t hdl) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  call.handle->port->Enable();
  return 0;
}

int dlb_disable_port(dlb_port_hdl_t hdl) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  call.handle->port->Disable();
  return 0;
}

int dlb_enable_port_sched(dlb_port_hdl_t hdl) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  call.handle->port->SetScheduling(true);
  return 0;
}

int dlb_disable_port_sched(dlb_port_hdl_t hdl) {
  const PortSetup call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  call.handle->port->SetScheduling(false);
  return 0;
}
