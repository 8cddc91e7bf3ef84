import type { DlbOpenOptions } from '../device/dlb/library.ts'
import { makeReport } from '../device/survey/report.ts'
import { probeSeparately } from '../device/survey/separately.ts'
import { reportText } from './devices-text.ts'

export interface DevicesFlags extends DlbOpenOptions {
  readonly json?: boolean
}

/** `node-dlb devices` */
export async function devices({ json = false, ...options }: DevicesFlags): Promise<void> {
  const report = makeReport(options, await probeSeparately(options))
  // A reader that has seen enough may close the pipe.
  process.stdout.on('error', () => undefined)
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report))
}
