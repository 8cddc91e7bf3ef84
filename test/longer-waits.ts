/**
 * To be imported before the library, by tests of what the product does within some time, which a
 * busy machine may exceed.
 */
process.env.NODE_DLB_TIME_SCALE ??= '10'
