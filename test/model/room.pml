/*
 * No lost room: the backlog word, the dirty bits and the shortcuts by which a port spares itself a
 * pass (SoftwarePort.receive, release, #isAwaited against Scheduler.#pass and
 * ConsumerQueues.capacity).
 *
 * A sender and PORTS load-balanced ports, each in its thread, linked to one queue of unordered
 * events; whoever gets the lock makes passes. Nobody dies and no timer helps: see lock.pml. A
 * consumer receives until nothing is left, then sleeps until its port is readable, and releases
 * whenever it likes, or never again.
 */
#ifndef PORTS
#define PORTS 1
#endif
#ifndef EVENTS
#define EVENTS 4
#endif
#ifndef DEPTH
#define DEPTH 1
#endif
#ifndef ENTRIES
#define ENTRIES 2
#endif
#define sender PORTS

/* Public words. */
bool lock
byte dirty
bit backlog
byte tx                  /* events posted */
byte head[PORTS]
byte tail[PORTS]
byte done[PORTS]         /* completions posted: the port's tx ring */
bool linked[PORTS]
/* The holder's. */
byte taken
byte queued
byte ownTail[PORTS]
byte completed[PORTS]
byte headSeen[PORTS]
bool lookedAt[PORTS]

bool kept[PORTS]         /* the consumer releases no more */

#define bit_(t) (1 << (t))

/* ---- the scheduler ---- */

/* Scheduler.mark */
inline mark() {
  if
  :: (dirty & bit_(me)) == 0 -> dirty = dirty | bit_(me)
  :: else
  fi
}

/* ConsumerQueues.rereadHeads */
inline rereadHeads() {
  d_step {
    p = 0;
    do
    :: p < PORTS -> lookedAt[p] = false; p++
    :: else -> p = 0; break
    od
  }
}

#define load(p) (ownTail[p] - completed[p])

/*
 * ConsumerQueues.leastLoaded, with room(): `best` becomes a port with room, PORTS if there is none.
 * A port is one step, since it reads one word that can change both ways: its head.
 */
inline leastLoaded() {
  best = PORTS;
  do
  :: atomic { p < PORTS ->
      if
      :: linked[p] && load(p) < ENTRIES && (best == PORTS || load(p) < load(best)) ->
        if
        :: ownTail[p] - headSeen[p] == DEPTH && !lookedAt[p] -> lookedAt[p] = true; headSeen[p] = head[p]
        :: else
        fi;
        if
        :: ownTail[p] - headSeen[p] < DEPTH -> best = p
        :: else
        fi
      :: else
      fi;
      p++
    }
  :: else -> p = 0; break
  od
}

/* Scheduler.#takeIn */
inline takeIn() {
  do
  :: p < PORTS ->
    if
    :: bits & bit_(p) ->
      headSeen[p] = head[p];                     /* Credits.reclaim */
      completed[p] = done[p]                     /* PortCommands.complete, for each */
    :: else
    fi;
    p++
  :: else -> p = 0; break
  od;
  if
  :: bits & bit_(sender) ->
    n = tx;
    do
    :: taken < n ->
      best = PORTS;
      if
      :: queued == 0 -> leastLoaded()
      :: else
      fi;
      atomic {
        if
        :: best < PORTS -> ownTail[best] = ownTail[best] + 1
        :: else -> queued++
        fi;
        taken++
      }
    :: else -> break
    od
  :: else
  fi;
  atomic { n = 0; bits = 0; best = 0 }
}

/* Dispatcher.dispatch */
inline dispatch() {
  do
  :: queued == 0 -> break
  :: queued > 0 ->
    leastLoaded();
    if
    :: atomic { best < PORTS -> ownTail[best] = ownTail[best] + 1; queued-- }
    :: else -> break
    fi
  od;
  best = 0
}

/* Scheduler.#publish */
inline publish() {
  do
  :: p < PORTS ->
    if
    :: tail[p] != ownTail[p] -> tail[p] = ownTail[p]
    :: else
    fi;
    p++
  :: else -> p = 0; break
  od;
  if
  :: queued == 0 && backlog != 0 -> backlog = 0
  :: else
  fi
}

/* Scheduler.#pass */
inline pass() {
  rereadHeads();
  atomic { bits = dirty; dirty = 0 }             /* Atomics.exchange */
  takeIn();
  if
  :: queued > 0 ->
#ifndef BACKLOG_SET_AFTER_DISPATCH
    backlog = 1;
#endif
#ifndef NO_LOOK_AGAIN
    rereadHeads();
#endif
    dispatch();
#ifdef BACKLOG_SET_AFTER_DISPATCH
    backlog = 1
#endif
  :: else
  fi;
  publish()
}

/* Scheduler.run */
inline run_() {
  do
  :: true ->
    atomic {                                     /* #tryLock */
      if
      :: !lock -> lock = true; locked = true
      :: else -> locked = false
      fi
    }
    if
    :: locked -> pass()
    :: else -> break
    fi;
#ifdef LOOK_BEFORE_UNLOCK
    look = (dirty != 0);
    lock = false;
#else
    lock = false;
    look = (dirty != 0);                         /* #anyDirty */
#endif
    if
    :: look
    :: else -> break
    fi
  od;
  atomic { locked = false; look = false }
}

/* Scheduler.kick */
inline kick() {
  mark();
  run_()
}

proctype Sender(byte me) {
  byte p, n, bits, best, i;
  bool locked, look;
  do
  :: i < EVENTS -> i++; tx++; kick()             /* SoftwarePort.#post */
  :: else -> break
  od
}

/* ---- a port's thread ---- */

/* SoftwarePort.receive of at most `max` events. */
inline receive(max) {
  seen = tail[me];
  n = (seen - head[me] < max -> seen - head[me] : max);
  if
  :: n > 0 ->
    open = (seen - done[me] < ENTRIES && n == seen - head[me]);
#ifdef BACKLOG_READ_BEFORE_HEAD_MOVES
    waits = backlog;
    head[me] = head[me] + n;
#else
    head[me] = head[me] + n;                     /* Atomics.compareExchange */
    waits = backlog;
#endif
    atomic { n = 0; seen = 0 };
    if
    :: open && waits -> kick()
    :: else
    fi;
    atomic { open = false; waits = false }
  :: else -> seen = 0
  fi
}

/* SoftwarePort.release of `count` events, #isAwaited. */
inline release(count) {
  k = count;
  done[me] = done[me] + k;                       /* #publish */
#ifdef BACKLOG_READ_BEFORE_MARK
  waits = backlog;
  mark();
#else
#ifndef RELEASE_DOES_NOT_MARK
  mark();
#endif
  waits = backlog;
#endif
  if
  :: waits ->
    seen = tail[me];
#ifdef AWAITED_IF_STILL_FULL
    open = (seen - done[me] >= ENTRIES && seen - head[me] < DEPTH);
#else
    open = (seen - done[me] + k >= ENTRIES && seen - head[me] < DEPTH);
#endif
    seen = 0;
    if
    :: open -> run_()
    :: else
    fi
  :: else
  fi;
  atomic { k = 0; open = false; waits = false }
}

#define unreleased (head[me] - done[me])

proctype Consumer(byte me) {
  byte p, n, bits, best, seen, k;
  bool locked, look, open, waits;
  linked[me] = true;                             /* SoftwarePort.link */
  kick();
end:
  do
  :: tail[me] != head[me] -> receive(1)
  :: tail[me] != head[me] -> receive(DEPTH)
  :: unreleased > 0 && !kept[me] -> release(1)
  :: unreleased > 1 && !kept[me] -> release(unreleased)
  :: unreleased > 0 && !kept[me] -> kept[me] = true
  od
}

/*
 * Nothing happens any more: then an event waits only if no port has room for it, as far as its
 * thread has said.
 */
proctype Check() {
  byte p;
  timeout;
  assert(taken == EVENTS);
  do
  :: p < PORTS ->
    assert(tail[p] == head[p] && tail[p] == ownTail[p]);
    assert(queued == 0 || tail[p] - done[p] >= ENTRIES);
    assert(tail[p] - done[p] <= ENTRIES);
    p++
  :: else -> break
  od
}

init {
  byte p;
  atomic {
    do
    :: p < PORTS -> run Consumer(p); p++
    :: else -> break
    od;
    run Sender(sender);
    run Check()
  }
}
