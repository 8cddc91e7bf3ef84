import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { until } from '../deadline.ts'
import { cli, Lines, source, startNode } from '../programs.ts'

/** stdout and stderr of an app in a balancer's workers, beside those on plain Node. */
const app = source('test/worker/fixtures/stdio.cjs')
const plain = [app]
const balanced = (workers: number): string[] => [cli, 'run', '--quiet', '--workers', String(workers), app, '--']

t.jobs = 2

/** Both ends of a pipe, which `child_process` does not make: its are sockets. */
function openPipe(t: Test): { readonly read: number; readonly write: number } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'node-dlb-'))
  const file = path.join(folder, 'pipe')
  execFileSync('mkfifo', [file])
  const read = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  const write = fs.openSync(file, fs.constants.O_WRONLY)
  fs.rmSync(folder, { recursive: true })
  t.teardown(() => fs.closeSync(write))
  return { read, write }
}

/** A pipe whose reader has gone. */
function openBroken(t: Test): number {
  const { read, write } = openPipe(t)
  fs.closeSync(read)
  return write
}

function openFull(t: Test): number {
  const fd = fs.openSync('/dev/full', 'w')
  t.teardown(() => fs.closeSync(fd))
  return fd
}

function start(t: Test, args: readonly string[], stdout: number, stderr: number | 'pipe' = 'pipe'): ChildProcess {
  const child = startNode(args, { env: { NODE_DEBUG: '' }, stdio: ['ignore', stdout, stderr] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function outcome(child: ChildProcess): Promise<{ readonly told: string; readonly code: number | null }> {
  const [told, [code]] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), once(child, 'exit')])
  return { told, code }
}

for (const mode of ['listener', 'no listener', 'end it']) {
  for (const [what, open] of [
    ['a pipe without a reader', openBroken],
    ['a full disk', openFull],
  ] as const) {
    t.test(`stdout is ${what}, ${mode}: as on plain Node`, async (t) => {
      const [one, other] = await Promise.all([
        outcome(start(t, [...plain, mode], open(t))),
        outcome(start(t, [...balanced(1), mode], open(t))),
      ])
      t.strictSame(other, one)
      t.match(one.told, /EPIPE|ENOSPC/)
    })
  }
}

t.test('an app that writes to a broken stdout while it starts ends as on plain Node', async (t) => {
  const [one, other] = await Promise.all([
    outcome(start(t, [...plain, 'exits while it starts'], openBroken(t))),
    outcome(start(t, [...balanced(2), 'exits while it starts'], openBroken(t))),
  ])
  t.equal(other.code, one.code)
  t.match(other.told, /EPIPE/)
})

t.test('what stdout has no room for waits without blocking the worker, and is written in the end', async (t) => {
  const { read, write } = openPipe(t)
  const child = start(t, [...balanced(1), 'without waiting'], write)
  const lines = new Lines(child)
  await lines.until(/false/)
  const { length } = await readUntilEnd(child, read, write)
  t.equal(length, 300_001)
  await lines.until(/"drained"/)
  t.match(lines.text, /called back/)
})

t.test('synchronous writes to a full pipe wait for its reader, in order with the console', async (t) => {
  const { read, write } = openPipe(t)
  const child = start(t, [...balanced(1), 'synchronously'], write)
  const lines = new Lines(child)
  await lines.until(/port/)
  const output = (await readUntilEnd(child, read, write)).split('\n')
  t.equal(output[0], 'first, by the console')
  t.equal(output.at(-2), 'last, by the console')
  t.equal(output.length, 33)
  t.match(lines.text, /all written/)
})

t.test('what a worker has written just before it exits is not lost, though the pipe is full', async (t) => {
  const { read, write } = openPipe(t)
  const child = start(t, [...balanced(1), 'as it ends'], write)
  await new Lines(child).until(/all given/)
  t.equal((await readUntilEnd(child, read, write)).length, 300_000)
})

t.test('nobody makes stdout or stderr non-blocking', async (t) => {
  const [out, error] = [openPipe(t), openPipe(t)]
  const child = start(t, [cli, 'run', '--workers', '2', app, '--', 'serve'], out.write, error.write)
  const lines = new net.Socket({ fd: error.read, readable: true, writable: false }).setEncoding('utf8')
  const printed = new net.Socket({ fd: out.read, readable: true, writable: false })
  t.teardown(() => [lines, printed].forEach((socket) => void socket.destroy()))
  let told = ''
  for await (const chunk of lines.iterator({ destroyOnReturn: false })) {
    told += chunk
    if (told.includes('2 workers on')) break
  }
  await once(printed, 'data')
  for (const fd of [1, 2]) {
    const flags = /flags:\s*(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/fdinfo/${fd}`, 'utf8'))?.[1]
    t.equal(Number.parseInt(flags as string, 8) & fs.constants.O_NONBLOCK, 0)
  }
})

t.test('with nobody left who reads its stderr, the command goes on, and drains', async (t) => {
  const { read, write } = openPipe(t)
  const child = start(t, [cli, 'run', '--workers', '2', app, '--', 'serve'], openBroken(t), write)
  const lines = new net.Socket({ fd: read, readable: true, writable: false }).setEncoding('utf8')
  let told = ''
  for await (const chunk of lines) {
    told += chunk
    if (told.includes('listening on')) break
  }
  const port = Number(/"port" (\d+)/.exec(told)?.[1])
  t.equal(await text(net.connect(port, '127.0.0.1')), 'served')
  child.kill('SIGHUP')
  const exited = once(child, 'exit')
  t.equal(await text(net.connect(port, '127.0.0.1')), 'served')
  child.kill('SIGTERM')
  t.strictSame(await exited, [0, null])
})

t.test('on a terminal, stdout is one, as on plain Node', async (t) => {
  const python = `
import fcntl, os, pty, struct, sys, termios
def resize(rows, columns): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
  fd = 1
  resize(24, 80)
  os.execv(sys.argv[1], sys.argv[1:])
try:
  while chunk := os.read(fd, 1000):
    os.write(1, chunk)
    if b'written' in chunk: resize(30, 100)
except OSError: pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`
  const run = async (args: readonly string[]): Promise<string> => {
    // Nothing else that says something of colours.
    const env = { PATH: process.env.PATH, TERM: 'xterm-256color' }
    const command = ['/usr/bin/env', 'NODE_OPTIONS=', process.execPath, ...args, 'terminal']
    const child = spawn('python3', ['-c', python, ...command], { env, stdio: 'pipe' })
    t.teardown(() => child.kill('SIGKILL'))
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    return `${output}${code}`
  }
  const [one, other] = await Promise.all([run(plain), run(balanced(1))])
  t.match(one, /80 24\s+true 8 true\s+written to the terminal\s+100 30\s+0$/)
  t.equal(other, one)
})

t.test('an error of stdin is for the app to handle, as on plain Node', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const run = async (args: readonly string[]): Promise<unknown> => {
    const accepted = once(server, 'connection')
    // Not read here.
    const stdin = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1').pause()
    await once(stdin, 'connect')
    const child = startNode([...args, 'stdin that fails'], { stdio: [stdin, 'ignore', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const [peer] = (await accepted) as [net.Socket]
    const ended = outcome(child)
    peer.write('hello')
    await new Lines(child).until(/"read"/)
    stdin.destroy()
    peer.resetAndDestroy()
    return await ended
  }
  t.strictSame(await run(balanced(1)), await run(plain))
})

/** Only now is it read. */
async function readUntilEnd(child: ChildProcess, read: number, write: number): Promise<string> {
  const exited = once(child, 'exit')
  const chunks: string[] = []
  const reader = new net.Socket({ fd: read, readable: true, writable: false }).setEncoding('utf8')
  reader.on('data', (chunk: string) => chunks.push(chunk))
  await exited
  return await drained(reader, chunks, write)
}

/** This process has the other end open, too: what comes after a mark of its own is all. */
async function drained(reader: net.Socket, chunks: string[], write: number): Promise<string> {
  fs.writeSync(write, '\0')
  await until('the mark comes', () => chunks.at(-1)?.endsWith('\0') === true)
  reader.destroy()
  return chunks.join('').slice(0, -1)
}
