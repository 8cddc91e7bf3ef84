// libdlb's calls on a device.
#include "api.h"

using namespace dlb_sim;

namespace {

using DeviceCall = SetupCall<DeviceHandle>;

// A handle from before a device reset can only be closed.
int Usable(const DeviceCall& call) {
  if (call.error != 0) return call.error;
  return call.handle->generation == call.handle->device->generation() ? 0 : EINVAL;
}

}  // namespace

int dlb_open(int device_id, dlb_hdl_t* hdl) {
  World& world = World::Get();
  const std::lock_guard lock(world.mutex);
  if (hdl == nullptr || !world.environment_error().empty()) return Fail(EINVAL);
  // This comes before the injected fault: open(2) would find first that there is no such device.
  if (!world.HasDevice(device_id)) return Fail(ENOENT);
  if (const int error = world.faults.Hit(__func__)) return Fail(error);
  DeviceHandle* handle = world.Open(device_id);
  if (handle == nullptr) return -1;
  *hdl = handle;
  return 0;
}

int dlb_close(dlb_hdl_t hdl) {
  DeviceCall call(hdl, __func__);
  return Result(call.error != 0 ? call.error : call.world.Close(call.handle, &call.lock));
}

int dlb_get_dev_capabilities(dlb_hdl_t hdl, dlb_dev_cap_t* cap) {
  const DeviceCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  if (cap == nullptr) return Fail(EINVAL);
  cap->flags = call.handle->device->capabilities();
  return 0;
}

int dlb_get_num_resources(dlb_hdl_t hdl, dlb_resources_t* rsrcs) {
  const DeviceCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  if (rsrcs == nullptr) return Fail(EINVAL);
  *rsrcs = call.handle->device->Resources();
  return 0;
}

int dlb_set_ldb_sequence_number_allocation(dlb_hdl_t hdl, unsigned group_id, unsigned num) {
  const DeviceCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  SequenceGroup* group = call.handle->device->group(group_id);
  if (group == nullptr || num < 64 || num > SequenceGroup::kNumbers || (num & (num - 1)) != 0) return Fail(EINVAL);
  // A slot is occupied as soon as a domain has it, used or not.
  if (group->reserved > 0) return Fail(EPERM);
  group->per_queue = num;
  return 0;
}

int dlb_get_ldb_sequence_number_allocation(dlb_hdl_t hdl, unsigned group_id, unsigned* num) {
  const DeviceCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  const SequenceGroup* group = call.handle->device->group(group_id);
  if (group == nullptr || num == nullptr) return Fail(EINVAL);
  *num = group->per_queue;
  return 0;
}

int dlb_get_ldb_sequence_number_occupancy(dlb_hdl_t hdl, unsigned group_id, unsigned* num) {
  const DeviceCall call(hdl, __func__);
  if (const int error = Usable(call)) return Fail(error);
  const SequenceGroup* group = call.handle->device->group(group_id);
  if (group == nullptr || num == nullptr) return Fail(EINVAL);
  *num = group->reserved;
  return 0;
}

int dlb_get_num_ldb_sequence_number_groups(dlb_hdl_t hdl) {
  const DeviceCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : 2;
}

int dlb_get_min_ldb_sequence_number_allocation(dlb_hdl_t hdl) {
  const DeviceCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : 64;
}

int dlb_create_sched_domain(dlb_hdl_t hdl, dlb_create_sched_domain_t* args) {
  DeviceCall call(hdl, __func__);
  if (call.error == -1) call.handle->poisoned = true;
  if (call.error != 0) return Fail(call.error);
  int id = -1;
  if (args == nullptr) return Fail(EINVAL);
  const int error = call.world.CreateDomain(call.handle, *args, {}, &id);
  return error != 0 ? Fail(error) : id;
}

int dlb_adv_create_sched_domain(dlb_hdl_t hdl, dlb_create_sched_domain_t* args, dlb_adv_create_sched_domain_t* adv) {
  DeviceCall call(hdl, __func__);
  if (call.error == -1) call.handle->poisoned = true;
  if (call.error != 0) return Fail(call.error);
  int id = -1;
  if (args == nullptr || adv == nullptr) return Fail(EINVAL);
  const int error = call.world.CreateDomain(call.handle, *args, *adv, &id);
  return error != 0 ? Fail(error) : id;
}

dlb_domain_hdl_t dlb_attach_sched_domain(dlb_hdl_t hdl, int domain_id) {
  const DeviceCall call(hdl, __func__);
  if (call.error != 0) return FailNull<void>(call.error);
  return call.world.Attach(call.handle, domain_id);
}

int dlb_reset_sched_domain(dlb_hdl_t hdl, int domain_id) {
  DeviceCall call(hdl, __func__);
  return Result(call.error != 0 ? call.error : call.world.ResetDomain(call.handle, domain_id, &call.lock));
}
