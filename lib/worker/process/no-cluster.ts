import cluster from 'node:cluster'
import { NodeDlbError } from '../../errors.ts'

/**
 * `cluster.isPrimary` is true in every worker thread, so an app that forks where it is would fork
 * in each worker, and N workers would become N² processes. Such an app never listens in its worker:
 * it could not be run as it is, and a warning would leave it running so.
 *
 * Node loads cluster for the first `listen()` in any case.
 */
export function refuseFork(): void {
  cluster.fork = () => {
    throw new NodeDlbError(
      'ERR_DLB_IN_WORKER',
      "cluster.fork() was called in a balancer's worker: each worker would fork, and node-dlb's workers are there in place of " +
        "cluster's. Take the cluster code out, so that each worker calls listen(), or run the file that the cluster's workers run; " +
        'for other processes there is child_process.fork()',
    )
  }
}
