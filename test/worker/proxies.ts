/** A header of the PROXY protocol's version 2. */
export function v2(command: number, transport: number, rest: readonly number[]): Buffer {
  const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
  return Buffer.from([...signature, command, transport, rest.length >> 8, rest.length & 0xff, ...rest])
}
