/**
 * To be imported before the library, by tests that wait for times which are constants of the
 * product: an idle connection's second at a drain, parking's second, a PROXY header's five. In
 * tests under load these times are as they are written, since a busy machine needs them.
 */
process.env.NODE_DLB_TIME_SCALE ??= '0.2'
