// libdlb's calls on an attached port: the data path.
#include "api.h"

using namespace dlb_sim;

void PortCall::Report(const char* function) {
  World::Get().breaches.Add("%s on port %d of domain %d while another thread uses the port", function, port->id(),
                            port->domain()->id());
}

int dlb_send(dlb_port_hdl_t hdl, uint32_t num, dlb_event_t* events) {
  const PortCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : call.port->Send(num, events);
}

int dlb_forward(dlb_port_hdl_t hdl, uint32_t num, dlb_event_t* events) {
  const PortCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : call.port->Forward(num, events);
}

int dlb_adv_send(dlb_port_hdl_t hdl, uint32_t num, dlb_event_t* events) {
  const PortCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : call.port->AdvancedSend(num, events);
}

int dlb_release(dlb_port_hdl_t hdl, uint32_t num) {
  const PortCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : call.port->Release(num);
}

int dlb_pop_cq(dlb_port_hdl_t hdl, uint32_t num) {
  const PortCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : call.port->Pop(num);
}

int dlb_recv(dlb_port_hdl_t hdl, uint32_t max, bool wait, dlb_event_t* events) {
  const PortCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : call.port->Receive(call.handle->receiver, max, wait, true, events);
}

int dlb_recv_no_pop(dlb_port_hdl_t hdl, uint32_t max, bool wait, dlb_event_t* events) {
  const PortCall call(hdl, __func__);
  return call.error != 0 ? Fail(call.error) : call.port->Receive(call.handle->receiver, max, wait, false, events);
}
