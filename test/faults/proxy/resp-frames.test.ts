import t from 'tap'
import { isPubSubMessage, RespFrames } from './resp-frames.js'

const answers = [
  '+PONG\r\n',
  '$-1\r\n',
  '$4\r\na\r\nb\r\n',
  '*2\r\n:1\r\n*1\r\n$0\r\n\r\n',
  '*-1\r\n',
  '%1\r\n+run\r\n:7\r\n',
  '|1\r\n+ttl\r\n:1\r\n+told\r\n',
  '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n\r\n\r\n'
]

t.test('answers are whole however they are cut into pieces', async (t) => {
  const bytes = Buffer.from(answers.join(''))
  for (let size = 1; size <= bytes.length; size++) {
    const frames = new RespFrames()
    const found: string[] = []
    for (let start = 0; start < bytes.length; start += size) {
      found.push(...frames.push(bytes.subarray(start, start + size)).map(String))
    }
    t.strictSame(found, answers, `pieces of ${size}`)
  }
})

t.test('a message of a subscription is known in RESP2 and RESP3, and nothing else is', async (t) => {
  t.ok(isPubSubMessage(Buffer.from(answers.at(-1) as string)))
  t.ok(isPubSubMessage(Buffer.from('*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n')))
  t.notOk(isPubSubMessage(Buffer.from('>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n')))
  t.notOk(isPubSubMessage(Buffer.from('+PONG\r\n')))
})
