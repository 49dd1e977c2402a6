import t from 'tap'
import { storeNames } from './kill/rigs.js'
import { playKillRounds, type RoundReport } from './kill/rounds.js'
import { Random } from './support/random.js'

t.setTimeout(120_000)

for (const store of storeNames) {
  t.test(
    `rounds of publishing and kill -9 lose nothing acknowledged, in room, inbox and group (${store})`,
    async (t) => {
      const reports: RoundReport[] = []
      // With this seed Redis is killed as well as the server.
      const options = { store, rounds: 3, spreadMs: 200, random: new Random(7) }
      t.strictSame(await playKillRounds(t, { ...options, onRound: (report) => reports.push(report) }), [])
      for (const { acknowledged, killed } of reports) {
        t.ok(acknowledged.room > 0 && acknowledged.inbox > 0 && acknowledged.group > 0, killed)
      }
      t.equal(new Set(reports.map(({ killed }) => killed)).size, store === 'redis' ? 2 : 1)
    }
  )
}
