import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import t from 'tap'
import { root } from '../support/root.js'
import { startServer } from '../support/server.js'
import { until } from '../support/until.js'

t.test('the example runs: it joins, publishes, hears itself, comes back after a drop, and ends', async (t) => {
  const server = await startServer(t)
  const argv = ['--import', import.meta.resolve('tsx'), path.join(root, 'examples/client.ts')]
  const child = spawn(process.execPath, [...argv, `${server.url.replace('http', 'ws')}/ws`])
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text
    })
  }
  await until(() => output.includes('stored as 1 (memory)') && output.includes('1 carol {"text":"Hello from Node"}'))
  for (const client of server.app.websocketServer.clients) client.terminate()
  await until(() => output.includes('connected (the session goes on)'))
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
  t.match(output, /closed \n$/)
})
