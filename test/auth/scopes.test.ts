import { createHash } from 'node:crypto'
import t from 'tap'
import { checkError } from '../routes/wire.js'
import { request, startServer } from '../support/server.js'

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex')
const keys = {
  everything: 'key-of-everything',
  publisher: 'key-of-the-publisher',
  reader: 'key-of-the-reader',
  admin: 'key-of-the-administrator',
  both: 'key-of-both-of-them',
  hashed: 'key-that-is-only-stored-as-its-hash',
  hashedReader: 'key-of-a-hashed-reader'
}
const API_KEYS = [
  keys.everything,
  `publish:${keys.publisher}`,
  ` read:${keys.reader} `,
  `admin:${keys.admin}`,
  `publish+read:${keys.both}`,
  `sha256:${sha256(keys.hashed)}`,
  `read:sha256:${sha256(keys.hashedReader)}`
].join(',')

const reads = ['/rooms', '/rooms/a', '/rooms/a/online', '/rooms/a/members', '/rooms/a/history', '/online', '/stats']
reads.push('/stats/history')
const publishes = ['/rooms/a/messages', '/broadcast', '/publish']

t.test('each key may do what its scopes say', async (t) => {
  const server = await startServer(t, { API_KEYS })
  const allowed: Array<[name: keyof typeof keys, publish: boolean, read: boolean]> = [
    ['everything', true, true],
    ['publisher', true, false],
    ['reader', false, true],
    ['admin', false, false],
    ['both', true, true],
    ['hashed', true, true],
    ['hashedReader', false, true]
  ]
  for (const [name, mayPublish, mayRead] of allowed) {
    const headers = { authorization: `Bearer ${keys[name]}` }
    for (const path of reads) {
      const answer = await request(`${server.url}${path}`, { headers })
      if (mayRead) t.equal(answer.status, 200, `${name} reads ${path}`)
      else checkError(t, answer, [403, 'forbidden'], { title: `${name} may not read ${path}` })
    }
    for (const path of publishes) {
      const answer = await request(`${server.url}${path}`, { method: 'POST', body: { content: 1, items: [] }, headers })
      if (mayPublish) t.ok(answer.status >= 200 && answer.status < 300, `${name} posts to ${path}: ${answer.status}`)
      else checkError(t, answer, [403, 'forbidden'], { title: `${name} may not post to ${path}` })
    }
  }
})

t.test('what a key lacks is told before the body is looked at', async (t) => {
  const server = await startServer(t, { API_KEYS })
  const headers = { authorization: `Bearer ${keys.reader}` }
  for (const path of publishes) {
    const answer = await request(`${server.url}${path}`, { method: 'POST', body: '{', headers })
    checkError(t, answer, [403, 'forbidden'], { title: path })
  }
})
