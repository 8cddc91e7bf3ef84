// The loop of bench/device/libdlb-addon.ts in C, directly on libdlb's functions: it shows what the
// same work costs without TypeScript and the addon. It has the same settings and calls, and fills
// and reads the events in the same way. For the bench only.
//
//     libdlb_loop <library> <stand-in|device> <unordered|directed> <batch> <events>
//
// It compiles against the stand-in's header, which has libdlb's ABI, and prints one line of JSON.
#include "../../native/sim/libdlb.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { kCqDepth = 128, kEntries = 64, kCredits = 512, kMostBatch = 64, kDevices = 64, kAnyClass = 4, kSlices = 200 };
// The size of the pool: the credits, and a margin for those that the port keeps.
enum { kPool = kCredits + 64 };

#define FUNCTIONS(X)            \
  X(open)                       \
  X(get_dev_capabilities)       \
  X(create_sched_domain)        \
  X(attach_sched_domain)        \
  X(create_credit_pool)         \
  X(create_ldb_credit_pool)     \
  X(create_dir_credit_pool)     \
  X(create_ldb_queue)           \
  X(create_dir_queue)           \
  X(create_ldb_port)            \
  X(create_dir_port)            \
  X(attach_ldb_port)            \
  X(attach_dir_port)            \
  X(link_queue)                 \
  X(launch_domain_alert_thread) \
  X(start_sched_domain)         \
  X(send)                       \
  X(recv)                       \
  X(release)                    \
  X(disable_port)               \
  X(detach_port)                \
  X(detach_sched_domain)        \
  X(reset_sched_domain)         \
  X(close)

static struct {
#define MEMBER(name) __typeof__(&dlb_##name) name;
  FUNCTIONS(MEMBER)
} dlb;

struct loop {
  bool directed;
  uint32_t batch;
  dlb_hdl_t device;
  int domain_id;
  dlb_domain_hdl_t domain;
  dlb_port_hdl_t port;
  uint8_t queue;
  dlb_event_t events[kMostBatch];
  // The sum of what was received, so that the compiler does not drop the reads.
  uint32_t sum;
};

static void fail(const char* what) {
  fprintf(stderr, "libdlb_loop: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int need(int result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

static void* need_handle(void* handle, const char* what) {
  if (handle == NULL) fail(what);
  return handle;
}

// `expected` is what the trial's name claims the library to be: a stand-in's figure must not pass
// for a device's, or the other way round.
static void load(const char* file, const char* expected) {
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fail(dlerror());
  const char* actual = dlsym(library, "dlb_sim_version") != NULL ? "stand-in" : "device";
  if (strcmp(actual, expected) != 0) fail("the library is not what the trial's name says");
#define RESOLVE(name) dlb.name = (__typeof__(dlb.name))need_handle(dlsym(library, "dlb_" #name), "dlb_" #name);
  FUNCTIONS(RESOLVE)
}

static void open_device(struct loop* loop) {
  for (int id = 0; id < kDevices; id++) {
    if (dlb.open(id, &loop->device) == 0) return;
  }
  fail("dlb_open");
}

static dlb_create_port_t create_domain(struct loop* loop) {
  dlb_dev_cap_t capabilities = {0};
  need(dlb.get_dev_capabilities(loop->device, &capabilities), "dlb_get_dev_capabilities");
  const bool combined = (capabilities.flags & DLB_CAP_COMBINED_CREDITS) != 0;
  const bool second = !combined && loop->directed;
  dlb_create_sched_domain_t domain = {0};
  domain.num_ldb_queues = domain.num_ldb_ports = loop->directed ? 0 : 1;
  domain.num_dir_ports = loop->directed ? 1 : 0;
  domain.num_ldb_event_state_entries = loop->directed ? 0 : kEntries;
  if (combined) {
    domain.credits.combined.num_credits = kPool;
    domain.credits.combined.num_credit_pools = 1;
  } else {
    domain.credits.separate.num_ldb_credits = kPool;
    domain.credits.separate.num_ldb_credit_pools = 1;
    domain.credits.separate.num_dir_credits = second ? kPool : 0;
    domain.credits.separate.num_dir_credit_pools = second ? 1 : 0;
  }
  loop->domain_id = need(dlb.create_sched_domain(loop->device, &domain), "dlb_create_sched_domain");
  loop->domain = need_handle(dlb.attach_sched_domain(loop->device, loop->domain_id), "dlb_attach_sched_domain");
  dlb_create_port_t port = {0};
  const int pool =
      combined ? dlb.create_credit_pool(loop->domain, kPool) : dlb.create_ldb_credit_pool(loop->domain, kPool);
  port.pools.separate.ldb_credit_pool_id = (uint32_t)need(pool, "the credit pool");
  if (second) {
    const int directed = dlb.create_dir_credit_pool(loop->domain, kPool);
    port.pools.separate.dir_credit_pool_id = (uint32_t)need(directed, "dlb_create_dir_credit_pool");
  }
  port.cq_depth = kCqDepth;
  return port;
}

static void create_directed(struct loop* loop, dlb_create_port_t port) {
  const int id = need(dlb.create_dir_port(loop->domain, &port, -1), "dlb_create_dir_port");
  loop->port = need_handle(dlb.attach_dir_port(loop->domain, id), "dlb_attach_dir_port");
  loop->queue = (uint8_t)need(dlb.create_dir_queue(loop->domain, id), "dlb_create_dir_queue");
}

static void create_balanced(struct loop* loop, dlb_create_port_t port) {
  dlb_create_ldb_queue_t queue = {0};
  loop->queue = (uint8_t)need(dlb.create_ldb_queue(loop->domain, &queue), "dlb_create_ldb_queue");
  port.num_ldb_event_state_entries = kEntries;
  port.use.cos_id = kAnyClass;
  const int id = need(dlb.create_ldb_port(loop->domain, &port), "dlb_create_ldb_port");
  loop->port = need_handle(dlb.attach_ldb_port(loop->domain, id), "dlb_attach_ldb_port");
}

static void on_alert(dlb_alert_t* alert, int domain, void* context) { (void)alert, (void)domain, (void)context; }

static void set_up(struct loop* loop) {
  open_device(loop);
  const dlb_create_port_t port = create_domain(loop);
  if (loop->directed) {
    create_directed(loop, port);
  } else {
    create_balanced(loop, port);
  }
  need(dlb.launch_domain_alert_thread(loop->domain, on_alert, NULL), "dlb_launch_domain_alert_thread");
  need(dlb.start_sched_domain(loop->domain), "dlb_start_sched_domain");
  if (!loop->directed) need(dlb.link_queue(loop->port, loop->queue, 0), "dlb_link_queue");
}

static void tear_down(struct loop* loop) {
  need(dlb.disable_port(loop->port), "dlb_disable_port");
  need(dlb.detach_port(loop->port), "dlb_detach_port");
  need(dlb.detach_sched_domain(loop->domain), "dlb_detach_sched_domain");
  need(dlb.reset_sched_domain(loop->device, loop->domain_id), "dlb_reset_sched_domain");
  need(dlb.close(loop->device), "dlb_close");
}

static void send_batch(struct loop* loop, uint64_t first) {
  const uint8_t type = loop->directed ? DLB_SCHED_DIRECTED : DLB_SCHED_UNORDERED;
  for (uint32_t i = 0; i < loop->batch; i++) {
    loop->events[i].queue_id = loop->queue;
    loop->events[i].type_priority = type;
    loop->events[i].udata64 = first + i;
  }
  for (uint32_t sent = 0; sent < loop->batch;) {
    sent += (uint32_t)need(dlb.send(loop->port, loop->batch - sent, loop->events + sent), "dlb_send");
  }
}

static void receive_batch(struct loop* loop) {
  for (uint32_t received = 0; received < loop->batch;) {
    const int count = need(dlb.recv(loop->port, loop->batch - received, false, loop->events), "dlb_recv");
    for (int i = 0; i < count; i++) loop->sum += (uint32_t)loop->events[i].udata64;
    if (!loop->directed && count > 0) need(dlb.release(loop->port, (uint32_t)count), "dlb_release");
    received += (uint32_t)count;
  }
}

static void run(struct loop* loop, uint64_t events) {
  loop->sum = 0;
  for (uint64_t done = 0; done < events; done += loop->batch) {
    send_batch(loop, done);
    receive_batch(loop);
  }
  if (loop->sum != (uint32_t)(events * (events - 1) / 2)) fail("what was received is not what was sent");
}

static double cpu_ns(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const double microseconds = (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 + microseconds * 1e3;
}

static double wall_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void* a, const void* b) {
  const double difference = *(const double*)a - *(const double*)b;
  return (difference > 0) - (difference < 0);
}

// The time of the slice at the lowest tenth: other work on the machine only ever adds time, in
// bursts.
static double tenth(double* values) {
  qsort(values, kSlices, sizeof *values, compare);
  return values[kSlices / 10 - 1];
}

int main(int count, char** arguments) {
  if (count != 6) return fputs("see the comment at the top of libdlb_loop.c\n", stderr), 2;
  load(arguments[1], arguments[2]);
  struct loop loop = {.directed = strcmp(arguments[3], "directed") == 0, .batch = (uint32_t)atoi(arguments[4])};
  const uint64_t events = strtoull(arguments[5], NULL, 10);
  if (loop.batch < 1 || loop.batch > kMostBatch || events % (loop.batch * kSlices) != 0) {
    return fputs("bad batch\n", stderr), 2;
  }
  set_up(&loop);
  const uint64_t slice = events / kSlices;
  double cpu[kSlices];
  double wall[kSlices];
  // A run of the same size comes first, as a warm-up.
  for (int i = -kSlices; i < kSlices; i++) {
    const double cpu_before = cpu_ns();
    const double wall_before = wall_ns();
    run(&loop, slice);
    cpu[i < 0 ? 0 : i] = (cpu_ns() - cpu_before) / (double)slice;
    wall[i < 0 ? 0 : i] = (wall_ns() - wall_before) / (double)slice;
  }
  tear_down(&loop);
  printf("{\"CPU ns/event\":%f,\"wall ns/event\":%f}\n", tenth(cpu), tenth(wall));
  return 0;
}
