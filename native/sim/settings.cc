#include "settings.h"

namespace dlb_sim {

void Knobs::Clear() {
  send_limit = UINT32_MAX;
  for (EveryNth* every : {&send_zero, &send_half, &error_flag, &spurious_interrupts, &lost_interrupts}) every->Set(0);
  until_lost_interrupt.Set(Countdown::kForever);
  until_stop.Set(Countdown::kForever);
  vectors = UINT32_MAX;
  slow_looks_ms = 0;
  delay_interrupts_ms = 0;
  latency_us = 0;
  fires_on_arming = true;
  exact_receives_look = false;
  has_umwait = false;
  refuse_start = false;
  serves_domains = false;
  refuse_domain_alerts = false;
  garbage_alert_id = 0;
}

}  // namespace dlb_sim
