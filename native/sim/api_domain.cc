// libdlb's calls on an attached domain.
#include "api.h"

using namespace dlb_sim;

namespace {

using DomainCall = SetupCall<DomainHandle>;

// After a device reset the driver refuses to create anything.
int Usable(const DomainCall& call) {
  if (call.error != 0) return call.error;
  return call.handle->domain->stale() ? EINVAL : 0;
}

int CreatePool(const DomainCall& call, unsigned kind, bool combined, int credits) {
  if (const int error = Usable(call)) return Fail(error);
  Domain* domain = call.handle->domain;
  return domain->combined() == combined ? domain->CreatePool(kind, credits) : Fail(EINVAL);
}

dlb_port_hdl_t AttachPort(const DomainCall& call, bool directed, int id) {
  if (const int error = Usable(call)) return FailNull<void>(error);
  return call.world.AttachPort(call.handle, directed, id);
}

}  // namespace

int dlb_detach_sched_domain(dlb_domain_hdl_t hdl) {
  const DomainCall call(hdl, __func__);
  return Result(call.error != 0 ? call.error : call.world.Detach(call.handle));
}

int dlb_create_ldb_credit_pool(dlb_domain_hdl_t hdl, int num_credits) {
  return CreatePool(DomainCall(hdl, __func__), 0, false, num_credits);
}

int dlb_create_dir_credit_pool(dlb_domain_hdl_t hdl, int num_credits) {
  return CreatePool(DomainCall(hdl, __func__), 1, false, num_credits);
}

int dlb_create_credit_pool(dlb_domain_hdl_t hdl, int num_credits) {
  return CreatePool(DomainCall(hdl, __func__), 0, true, num_credits);
}

int dlb_create_ldb_queue(dlb_domain_hdl_t hdl, dlb_create_ldb_queue_t* args) {
  const DomainCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  return args == nullptr ? Fail(EINVAL) : call.handle->domain->CreateLdbQueue(*args);
}

int dlb_create_dir_queue(dlb_domain_hdl_t hdl, int port_id) {
  const DomainCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  return call.handle->domain->CreateDirQueue(port_id);
}

int dlb_create_ldb_port(dlb_domain_hdl_t hdl, dlb_create_port_t* args) {
  const DomainCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  return args == nullptr ? Fail(EINVAL) : call.handle->domain->CreateLdbPort(*args);
}

int dlb_create_dir_port(dlb_domain_hdl_t hdl, dlb_create_port_t* args, int queue_id) {
  const DomainCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  return args == nullptr ? Fail(EINVAL) : call.handle->domain->CreateDirPort(*args, queue_id);
}

dlb_port_hdl_t dlb_attach_ldb_port(dlb_domain_hdl_t hdl, int port_id) {
  return AttachPort(DomainCall(hdl, __func__), false, port_id);
}

dlb_port_hdl_t dlb_attach_dir_port(dlb_domain_hdl_t hdl, int port_id) {
  return AttachPort(DomainCall(hdl, __func__), true, port_id);
}

int dlb_launch_domain_alert_thread(dlb_domain_hdl_t hdl, dlb_domain_alert_callback_t callback, void* arg) {
  const DomainCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  Domain* domain = call.handle->domain;
  if (domain->creator() != call.handle->opener) return Fail(EPERM);
  return domain->alerts->Launch(callback, arg) ? 0 : Fail(EEXIST);
}

int dlb_start_sched_domain(dlb_domain_hdl_t hdl) {
  const DomainCall call(hdl, __func__);
  if (call.error != 0) return Fail(call.error);
  Domain* domain = call.handle->domain;
  if (domain->started) return Fail(EINVAL);
  if (!domain->alerts->launched()) return Fail(ESRCH);
  domain->Start(call.world.knobs.refuse_start);
  return 0;
}

int64_t dlb_adv_read_queue_depth_counter(dlb_domain_hdl_t hdl, int queue_id, bool is_dir, int level) {
  const DomainCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  Backlog* backlog = queue_id < 0 ? nullptr : call.handle->domain->FindBacklog(is_dir, static_cast<unsigned>(queue_id));
  if (backlog == nullptr || level < 0 || level > 3) return Fail(EINVAL);
  const std::lock_guard lock(call.handle->domain->mutex);
  return static_cast<int64_t>(backlog->at_level[static_cast<size_t>(level)]);
}

int dlb_adv_reset_queue_depth_counter(dlb_domain_hdl_t hdl, int queue_id, bool is_dir, int level) {
  const DomainCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  Backlog* backlog = queue_id < 0 ? nullptr : call.handle->domain->FindBacklog(is_dir, static_cast<unsigned>(queue_id));
  if (backlog == nullptr || level < 0 || level > 3) return Fail(EINVAL);
  const std::lock_guard lock(call.handle->domain->mutex);
  backlog->at_level[static_cast<size_t>(level)] = 0;
  return 0;
}
