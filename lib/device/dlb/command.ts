import { NodeDlbError } from '../../errors.ts'
import { checkChoice, checkInteger } from '../check.ts'
import { EventBuffer } from '../event-buffer.ts'

/**
 * Commands for `DlbPort.advancedSend`, with their values in an event's last byte. Those whose names
 * end in `Token` also return a token.
 */
export const Command = {
  none: 0,
  returnTokens: 1,
  release: 2,
  releaseToken: 3,
  send: 8,
  sendToken: 9,
  forward: 10,
  forwardToken: 11,
  fragment: 12,
  fragmentToken: 13,
} as const

/**
 * Sets the command of event `i` for `DlbPort.advancedSend`.
 * @param tokens how many tokens `returnTokens` returns, 1–1,024. They are stored in the field of
 *   the flow id.
 * @throws ERR_DLB_INVALID_ARGUMENT
 */
export function setCommand(events: EventBuffer, i: number, command: keyof typeof Command, tokens = 1): void {
  if (!EventBuffer.is(events)) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', "events must be a buffer from a domain's createEvents()")
  }
  checkInteger('index', i, 0, (events.words.length >> 2) - 1)
  checkInteger('tokens', tokens, 1, 1024)
  checkChoice('command', command, Object.keys(Command))
  if (command === 'returnTokens') events.setFlowId(i, tokens - 1)
  events.words[i * 4 + 3] = (events.words[i * 4 + 3] & 0xffffff) | (Command[command] << 24)
}
