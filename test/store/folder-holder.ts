import { systemClock } from '../../src/clock.js'
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js'
import { post } from './hearing.js'

/*
 * A process of its own that holds a folder, publishes into it until it is killed, and says on its standard output what
 * was acknowledged: `open`, then one offset a line. Where it cannot open the folder: the error, and exit code 1.
 */
const [folder = '', channel] = process.argv.slice(2)
try {
  const store = openEmbeddedStore({
    deviceTtlMs: 60_000,
    sessionTtlMs: 60_000,
    removalTtlMs: 60_000,
    dataDir: folder,
    clock: systemClock,
    onError: console.error
  })
  console.log('open')
  setInterval(() => {}, 60_000)
  while (channel !== undefined) {
    const { position } = await post(store.streams, channel, 'x'.repeat(1000), { messageId: crypto.randomUUID() })
    console.log(position.offset)
  }
} catch (error) {
  console.log(`${(error as Error).constructor.name}: ${(error as Error).message}`)
  process.exitCode = 1
}
