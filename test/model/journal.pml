/*
 * The undo journal of a pass (lib/device/software/journal.ts, backlog.ts, consumer-queues.ts,
 * Scheduler.#mend).
 *
 * A sender, a consumer, and the holder of the lock, which dies between any two stores, DEATHS
 * times, as the mender or otherwise; the next incarnation knows only what is in memory. Events are
 * numbered; even ones go to queue 0, which has the better priority, so that cells are not freed in
 * the order in which they were taken.
 */
#ifndef EVENTS
#define EVENTS 4
#endif
#ifndef CREDITS
#define CREDITS 2           /* a power of two, the worst case for the free ring */
#endif
#ifndef ENTRIES
#define ENTRIES 1
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#define txSlots 4
#ifdef CONSUMER_RING_OF_ENTRIES
#define ringSlots ENTRIES
#else
#define ringSlots (2 * ENTRIES)
#endif
#ifdef FREE_RING_OF_CREDITS
#define freeSlots CREDITS
#else
#define freeSlots (2 * CREDITS)
#endif
#define journalEntries 32
#define margin 12

/* Public words. */
byte tx
byte txHead
byte tail
byte head
byte done

/* Private words: those that the journal saves are in m. */
#define freeHead 0
#define freeTail 1
#define queued 2
#define ownTxHead 3
#define ownTail 4
#define completed 5
#define listHead(q) (6 + (q) * 3)
#define listTail(q) (7 + (q) * 3)
#define listCount(q) (8 + (q) * 3)
#define words 12
byte m[words]
byte phase                  /* 0 idle, 1 working, 2 publishing */
byte journalLength
byte journalWord[journalEntries]
byte journalValue[journalEntries]

/* Bulk data, not saved. */
byte txRing[txSlots]
byte ring[ringSlots]
byte freeRing[freeSlots]
byte cells[CREDITS]
byte nextCell[CREDITS]

bool dies                   /* the holder ends before its next step */

/*
 * What only the check knows: the private words at the pass's start, then at its end; and what was
 * received.
 */
byte expected[words]
byte last[2]
byte received[EVENTS]

/* ---- checks ---- */

inline remember() {
  k = 0;
  do
  :: k < words -> expected[k] = m[k]; k++
  :: else -> k = 0; break
  od
}

/* A pass is undone or done; and each cell is free once, or in one list once. */
inline check() {
  d_step {
    k = 0;
    do
    :: k < words -> assert(m[k] == expected[k]); k++
    :: else -> break
    od;
    seen = 0;
    k = m[freeHead];
    do
    :: k != m[freeTail] -> once(freeRing[k % freeSlots]); k++
    :: else -> break
    od;
    q = 0;
    do
    :: q < 2 ->
      n = m[listCount(q)];
      cell = m[listHead(q)];
      do
      :: n > 0 -> once(cell); cell = nextCell[cell]; n--
      :: else -> break
      od;
      q++
    :: else -> break
    od;
    assert(seen == (1 << CREDITS) - 1);
    k = 0; q = 0; n = 0; cell = 0; seen = 0
  }
}

inline once(c) {
  assert((seen & (1 << (c))) == 0);
  seen = seen | (1 << (c))
}

/* ---- Journal ---- */

inline save(i) {
  assert(journalLength < journalEntries);
#ifdef LENGTH_BEFORE_ENTRY
  journalLength++;
  journalWord[journalLength - 1] = i;
  journalValue[journalLength - 1] = m[i]
#else
  journalWord[journalLength] = i;
  journalValue[journalLength] = m[i];
  journalLength++
#endif
}

inline put(i, value) {
#ifdef STORE_BEFORE_SAVE
  old = m[i];
  m[i] = value;
  journalWord[journalLength] = i;
  journalValue[journalLength] = old;
  journalLength++
#else
  save(i);
  m[i] = value
#endif
}

inline begin() {
#ifdef PHASE_BEFORE_LENGTH
  atomic { phase = 1; remember() }
  journalLength = 0;
#else
  journalLength = 0;
  atomic { phase = 1; remember() }
#endif
#ifndef FREE_ENDS_NOT_SAVED
  save(freeHead);
  save(freeTail)
#endif
}

#define nearlyFull (journalLength > journalEntries - margin)

/* Journal.end. Old entries are of no use any more: forgetting them makes fewer states. */
inline finish() {
  d_step {
    phase = 0;
    k = 0;
    do
    :: k < journalEntries -> journalWord[k] = 0; journalValue[k] = 0; k++
    :: else -> k = 0; break
    od
  }
}

inline rollBack() {
  n = journalLength;
  do
  :: n > 0 ->
#ifdef ROLLS_BACK_OLDEST_FIRST
    m[journalWord[journalLength - n]] = journalValue[journalLength - n];
#else
    m[journalWord[n - 1]] = journalValue[n - 1];
#endif
    n--
  :: else -> break
  od;
  finish()
}

/* ---- Backlog ---- */

/*
 * That cells freed in this pass are not taken in it needs no check in the code: there is one for
 * each credit.
 */
inline takeCell() {
  assert(m[freeHead] != freeLimit);
  cell = freeRing[m[freeHead] % freeSlots];
  m[freeHead] = m[freeHead] + 1;
  cells[cell] = event
}

inline freeCell() {
  freeRing[m[freeTail] % freeSlots] = cell;
  m[freeTail] = m[freeTail] + 1
}

inline append() {
  q = event % 2;
  if
  :: m[listCount(q)] == 0 -> put(listHead(q), cell)
  :: else -> nextCell[m[listTail(q)]] = cell
  fi;
  put(listTail(q), cell);
  put(listCount(q), m[listCount(q)] + 1);
  put(queued, m[queued] + 1)
}

inline shift() {
  put(listCount(q), m[listCount(q)] - 1);
  put(listHead(q), nextCell[cell]);
  put(queued, m[queued] - 1)
}

/* ---- ConsumerQueues ---- */

inline touch() {
  save(ownTxHead);
  save(ownTail);
  save(completed)
}

/* The CQ is as deep as the port has entries. */
#define hasRoom (m[ownTail] - m[completed] < ENTRIES)

inline putEvent() {
  ring[m[ownTail] % ringSlots] = event;
  m[ownTail] = m[ownTail] + 1
}

/* ---- PortCommands, Dispatcher, Scheduler ---- */

/* The release records, taken in. */
inline complete() {
  n = done;
  do
  :: m[completed] != n ->
    /* PortCommands.complete reads what the ring keeps beside the event. */
    assert(ring[m[completed] % ringSlots] == received[m[completed]]);
    m[completed] = m[completed] + 1
  :: else -> break
  od;
  n = 0
}

/* The sender's records, taken in. */
inline takeIn() {
  n = tx;
  do
  :: m[ownTxHead] != n && !nearlyFull ->
    event = txRing[m[ownTxHead] % txSlots];
    if
    :: m[queued] == 0 && hasRoom -> putEvent()
    :: else -> takeCell(); append()
    fi;
    m[ownTxHead] = m[ownTxHead] + 1
  :: else -> break
  od
}

inline dispatch() {
  do
  :: m[queued] > 0 && hasRoom && !nearlyFull ->
    q = (m[listCount(0)] > 0 -> 0 : 1);
    cell = m[listHead(q)];
    event = cells[cell];
    putEvent();
    freeCell();
    shift()
  :: else -> break
  od
}

inline publishPort() {
  if
  :: txHead != m[ownTxHead] -> txHead = m[ownTxHead]
  :: else
  fi;
  if
  :: tail != m[ownTail] -> tail = m[ownTail]
  :: else
  fi
}

inline pass() {
  begin();
  freeLimit = m[freeTail];    /* what only the check knows */
  touch();
  complete();
  if
  /* completions let an ordered queue's events go, and free their cells, before new ones come */
  :: dispatch()
  :: true
  fi;
  takeIn();
  dispatch();
#ifdef PUBLISHES_WHILE_WORKING
  publishPort();
  atomic { phase = 2; remember() }
#else
  atomic { phase = 2; remember() }
  publishPort();
#endif
  finish();
  check()
}

inline mend() {
  if
  :: phase == 1 -> rollBack()
  :: else
  fi;
  publishPort();
  finish();
  check()
}

inline forget() {
  d_step { k = 0; q = 0; n = 0; cell = 0; event = 0; old = 0; seen = 0; freeLimit = 0 }
}

proctype Holder() {
  byte k, q, n, cell, event, old, seen, freeLimit;
  bool another;             /* has taken the lock over, and has not mended yet */
  do
  :: {
      do
      :: another -> mend(); another = false
      :: !another ->
        /* Some thread has kicked: there is something to take in, or room for what waits. */
end:    (tx != m[ownTxHead] || done != m[completed] || m[queued] > 0 && hasRoom);
        pass();
        forget()
      od
    } unless { dies -> forget(); dies = false; another = true }
  od
}

proctype Reaper() {
  byte deaths;
  do
  :: deaths < DEATHS && !dies -> dies = true; deaths++
  :: true -> break
  od
}

proctype Sender() {
  byte event = 1;
  do
  :: event > EVENTS -> break
  :: event <= EVENTS ->
    tx - txHead < txSlots && tx - head < CREDITS;
    txRing[tx % txSlots] = event;
    tx++;
    event++
  od
}

proctype Consumer() {
  byte event;
end:
  do
  :: tail != head ->
    event = ring[head % ringSlots];
    /* No event is lost, doubled, or out of its queue's order. */
    assert(event == (last[event % 2] > 0 -> last[event % 2] + 2 : 2 - event % 2));
    atomic { last[event % 2] = event; received[head] = event; event = 0 };
    head++
  :: done != head -> done++
  od
}

proctype Check() {
  timeout;
  assert(head == EVENTS && m[queued] == 0)
}

init {
  byte c;
  d_step {
    do
    :: c < CREDITS -> freeRing[c] = c; c++
    :: else -> c = 0; break
    od;
    m[freeTail] = CREDITS;
    expected[freeTail] = CREDITS
  }
  atomic {
    run Holder();
    run Reaper();
    run Sender();
    run Consumer();
    run Check()
  }
}
