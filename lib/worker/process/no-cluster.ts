import cluster from 'node:cluster'
import { NodeDlbError } from '../../errors.ts'

/**
 * Makes `cluster.fork()` throw. `cluster.isPrimary` is true in every worker thread, so an app that
 * forks where it is true would fork in each worker, and N workers would become N² processes. Such
 * an app never listens in its worker. It cannot be run as it is, and a warning would leave it
 * running like that.
 *
 * Node loads node:cluster for the first `listen()` in any case.
 */
export function refuseFork(): void {
  cluster.fork = () => {
    throw new NodeDlbError(
      'ERR_DLB_IN_WORKER',
      "cluster.fork() was called in a balancer's worker: each worker would fork, and node-dlb's workers " +
        "replace cluster's. Take the cluster code out, so that each worker calls listen(), or run the file " +
        "that the cluster's workers run; for other processes use child_process.fork()",
    )
  }
}
