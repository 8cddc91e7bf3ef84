// libdlb 8.8's C ABI, written for the stand-in from the facts (sizes, offsets, signatures). It is
// deliberately not shared with the binding's declarations: since both were written independently,
// the tests can find a mistake in one.
#ifndef DLB_SIM_LIBDLB_H
#define DLB_SIM_LIBDLB_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

typedef void* dlb_hdl_t;
typedef void* dlb_domain_hdl_t;
typedef void* dlb_port_hdl_t;

// The bits of dlb_dev_cap_t.
enum {
  DLB_CAP_LDB_DEQ_EVENT_FID = 1 << 0,
  DLB_CAP_PORT_COS = 1 << 1,
  DLB_CAP_QUEUE_DT = 1 << 2,
  DLB_CAP_LOCK_ID_COMP = 1 << 3,
  DLB_CAP_COMBINED_CREDITS = 1 << 4,
  DLB_CAP_QE_WEIGHT = 1 << 5,
  DLB_CAP_OP_FRAG = 1 << 6
};

typedef struct {
  uint64_t flags;
} dlb_dev_cap_t;

typedef union {
  struct {
    uint32_t num_ldb_credits;
    uint32_t max_contiguous_ldb_credits;
    uint32_t num_dir_credits;
    uint32_t max_contiguous_dir_credits;
    uint32_t num_ldb_credit_pools;
    uint32_t num_dir_credit_pools;
  } separate;
  struct {
    uint32_t num_credits;
    uint32_t num_credit_pools;
  } combined;
} dlb_resource_credits_t;

typedef struct {
  uint32_t num_sched_domains;
  uint32_t num_ldb_queues;
  uint32_t num_ldb_ports;
  uint32_t num_ldb_ports_per_cos[4];
  uint32_t num_dir_ports;
  uint32_t num_ldb_event_state_entries;
  uint32_t max_contiguous_ldb_event_state_entries;
  dlb_resource_credits_t credits;
  uint32_t num_sn_slots[2];
} dlb_resources_t;

typedef union {
  struct {
    uint32_t num_ldb_credits;
    uint32_t num_dir_credits;
    uint32_t num_ldb_credit_pools;
    uint32_t num_dir_credit_pools;
  } separate;
  struct {
    uint32_t num_credits;
    uint32_t num_credit_pools;
  } combined;
} dlb_domain_credits_t;

typedef struct {
  uint32_t num_ldb_queues;
  uint32_t num_ldb_ports;
  uint32_t num_dir_ports;
  uint32_t num_ldb_event_state_entries;
  uint32_t num_sn_slots[2];
  dlb_domain_credits_t credits;
  uint64_t producer_coremask[2];
} dlb_create_sched_domain_t;

typedef struct {
  uint32_t num_cos_ldb_ports[4];
} dlb_adv_create_sched_domain_t;

typedef struct {
  uint32_t num_sequence_numbers;
  uint32_t lock_id_comp_level;
} dlb_create_ldb_queue_t;

typedef struct {
  union {
    struct {
      uint32_t ldb_credit_pool_id;
      uint32_t dir_credit_pool_id;
    } separate;
    uint32_t credit_pool_id;
  } pools;
  uint16_t cq_depth;
  uint32_t num_ldb_event_state_entries;
  union {
    uint32_t cos_id;
    bool is_producer;
  } use;
} dlb_create_port_t;

enum { DLB_SCHED_ATOMIC = 0, DLB_SCHED_UNORDERED = 1, DLB_SCHED_ORDERED = 2, DLB_SCHED_DIRECTED = 3 };

// The commands: bit 0 returns a token, bit 1 completes, bit 2 is a fragment, bit 3 carries an
// event.
enum {
  DLB_CMD_NOOP = 0,
  DLB_CMD_BAT_T = 1,
  DLB_CMD_REL = 2,
  DLB_CMD_REL_T = 3,
  DLB_CMD_NEW = 8,
  DLB_CMD_NEW_T = 9,
  DLB_CMD_FWD = 10,
  DLB_CMD_FWD_T = 11,
  DLB_CMD_FRAG = 12,
  DLB_CMD_FRAG_T = 13
};

// One record for the three views of the facts (send, recv, adv_send), which differ in the meaning
// of the last bytes. It has bytes instead of bit-fields. In type_priority, bits 0-1 are the
// scheduling type, and bits 2-4 the priority. In weight, bits 1-2 are the weight. In sends, command
// is the command; in receives, its bit 5 is the error, bit 0 the generation, and bits 1-2 the queue
// depth.
typedef struct {
  uint64_t udata64;
  uint16_t udata16;
  uint8_t queue_id;
  uint8_t type_priority;
  uint16_t flow_id;
  uint8_t weight;
  uint8_t command;
} dlb_event_t;

enum {
  DLB_WAIT_INTR = 0,
  DLB_WAIT_INTR_LOW_POWER = 1,
  DLB_WAIT_TIMEOUT_HARD_POLL = 2,
  DLB_WAIT_TIMEOUT_SLEEP_POLL = 3
};

typedef struct {
  int32_t type;
  uint64_t timeout_value_ns;
  uint64_t sleep_duration_ns;
} dlb_wait_profile_t;

enum { DLB_ALERT_DEVICE_RESET = 0, DLB_ALERT_DOMAIN_RESET = 1, DLB_ALERT_CQ_WATCHDOG_TIMEOUT = 2 };

typedef struct {
  uint32_t id;
  uint64_t data;
} dlb_alert_t;

typedef void (*dlb_domain_alert_callback_t)(dlb_alert_t* alert, int domain_id, void* arg);

static_assert(sizeof(dlb_dev_cap_t) == 8, "dlb_dev_cap_t");
static_assert(sizeof(dlb_resources_t) == 72 && offsetof(dlb_resources_t, num_dir_ports) == 28, "dlb_resources_t");
static_assert(offsetof(dlb_resources_t, credits) == 40 && offsetof(dlb_resources_t, num_sn_slots) == 64, "credits");
static_assert(sizeof(dlb_create_sched_domain_t) == 56, "dlb_create_sched_domain_t");
static_assert(offsetof(dlb_create_sched_domain_t, num_sn_slots) == 16, "num_sn_slots");
static_assert(offsetof(dlb_create_sched_domain_t, credits) == 24, "credits");
static_assert(offsetof(dlb_create_sched_domain_t, producer_coremask) == 40, "producer_coremask");
static_assert(sizeof(dlb_adv_create_sched_domain_t) == 16, "dlb_adv_create_sched_domain_t");
static_assert(sizeof(dlb_create_ldb_queue_t) == 8, "dlb_create_ldb_queue_t");
static_assert(sizeof(dlb_create_port_t) == 20 && offsetof(dlb_create_port_t, cq_depth) == 8, "dlb_create_port_t");
static_assert(offsetof(dlb_create_port_t, num_ldb_event_state_entries) == 12, "num_ldb_event_state_entries");
static_assert(offsetof(dlb_create_port_t, use) == 16, "cos_id");
static_assert(sizeof(dlb_event_t) == 16 && offsetof(dlb_event_t, queue_id) == 10, "dlb_event_t");
static_assert(offsetof(dlb_event_t, flow_id) == 12 && offsetof(dlb_event_t, command) == 15, "dlb_event_t");
static_assert(sizeof(dlb_wait_profile_t) == 24, "dlb_wait_profile_t");
static_assert(offsetof(dlb_wait_profile_t, sleep_duration_ns) == 16, "sleep_duration_ns");
static_assert(sizeof(dlb_alert_t) == 16 && offsetof(dlb_alert_t, data) == 8, "dlb_alert_t");

int dlb_open(int device_id, dlb_hdl_t* hdl);
int dlb_close(dlb_hdl_t hdl);
int dlb_get_dev_capabilities(dlb_hdl_t hdl, dlb_dev_cap_t* cap);
int dlb_get_num_resources(dlb_hdl_t hdl, dlb_resources_t* rsrcs);
int dlb_set_ldb_sequence_number_allocation(dlb_hdl_t hdl, unsigned group, unsigned num);
int dlb_get_ldb_sequence_number_allocation(dlb_hdl_t hdl, unsigned group, unsigned* num);
int dlb_get_ldb_sequence_number_occupancy(dlb_hdl_t hdl, unsigned group, unsigned* num);
int dlb_get_num_ldb_sequence_number_groups(dlb_hdl_t hdl);
int dlb_get_min_ldb_sequence_number_allocation(dlb_hdl_t hdl);

int dlb_create_sched_domain(dlb_hdl_t hdl, dlb_create_sched_domain_t* args);
int dlb_adv_create_sched_domain(dlb_hdl_t hdl, dlb_create_sched_domain_t* args, dlb_adv_create_sched_domain_t* adv);
dlb_domain_hdl_t dlb_attach_sched_domain(dlb_hdl_t hdl, int domain_id);
int dlb_detach_sched_domain(dlb_domain_hdl_t hdl);
int dlb_reset_sched_domain(dlb_hdl_t hdl, int domain_id);
int dlb_launch_domain_alert_thread(dlb_domain_hdl_t hdl, dlb_domain_alert_callback_t callback, void* arg);
int dlb_start_sched_domain(dlb_domain_hdl_t hdl);

int dlb_create_ldb_credit_pool(dlb_domain_hdl_t hdl, int num_credits);
int dlb_create_dir_credit_pool(dlb_domain_hdl_t hdl, int num_credits);
int dlb_create_credit_pool(dlb_domain_hdl_t hdl, int num_credits);
int dlb_create_ldb_queue(dlb_domain_hdl_t hdl, dlb_create_ldb_queue_t* args);
int dlb_create_dir_queue(dlb_domain_hdl_t hdl, int port_id);
int dlb_create_ldb_port(dlb_domain_hdl_t hdl, dlb_create_port_t* args);
int dlb_create_dir_port(dlb_domain_hdl_t hdl, dlb_create_port_t* args, int queue_id);

dlb_port_hdl_t dlb_attach_ldb_port(dlb_domain_hdl_t hdl, int port_id);
dlb_port_hdl_t dlb_attach_dir_port(dlb_domain_hdl_t hdl, int port_id);
int dlb_detach_port(dlb_port_hdl_t hdl);
int dlb_link_queue(dlb_port_hdl_t hdl, int queue_id, int priority);
int dlb_unlink_queue(dlb_port_hdl_t hdl, int queue_id);
int dlb_enable_cq_weight(dlb_port_hdl_t hdl);
int dlb_enable_cq_epoll(dlb_port_hdl_t hdl, bool is_ldb, int efd);
int dlb_set_wait_profile(dlb_port_hdl_t hdl, int api_class, dlb_wait_profile_t profile);
int dlb_get_wait_profile(dlb_port_hdl_t hdl, int api_class, dlb_wait_profile_t* profile);
int dlb_enable_port(dlb_port_hdl_t hdl);
int dlb_disable_port(dlb_port_hdl_t hdl);
int dlb_enable_port_sched(dlb_port_hdl_t hdl);
int dlb_disable_port_sched(dlb_port_hdl_t hdl);

int dlb_send(dlb_port_hdl_t hdl, uint32_t num, dlb_event_t* events);
int dlb_forward(dlb_port_hdl_t hdl, uint32_t num, dlb_event_t* events);
int dlb_adv_send(dlb_port_hdl_t hdl, uint32_t num, dlb_event_t* events);
int dlb_release(dlb_port_hdl_t hdl, uint32_t num);
int dlb_pop_cq(dlb_port_hdl_t hdl, uint32_t num);
int dlb_recv(dlb_port_hdl_t hdl, uint32_t max, bool wait, dlb_event_t* events);
int dlb_recv_no_pop(dlb_port_hdl_t hdl, uint32_t max, bool wait, dlb_event_t* events);

int dlb_get_xstats(dlb_hdl_t hdl, uint32_t type, uint32_t id, uint64_t* value);
int64_t dlb_adv_read_queue_depth_counter(dlb_domain_hdl_t hdl, int queue_id, bool is_dir, int level);
int dlb_adv_reset_queue_depth_counter(dlb_domain_hdl_t hdl, int queue_id, bool is_dir, int level);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
