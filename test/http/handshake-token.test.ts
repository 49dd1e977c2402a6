import t from 'tap'
import { isSubprotocol } from '../../src/connections/socket-transport.js'
import { handshakeToken } from '../../src/http/handshake-token.js'

const tokenOf = (authorization?: string, protocols?: string) => {
  const headers = {
    ...(authorization !== undefined && { authorization }),
    ...(protocols !== undefined && { 'sec-websocket-protocol': protocols })
  }
  return handshakeToken(headers, isSubprotocol)
}

t.test('the header has to be a bearer and one token; other schemes are not ours', async (t) => {
  for (const [header, token] of [
    ['Bearer a.b.c', 'a.b.c'],
    ['bearer a.b.c', 'a.b.c'],
    ['BEARER a.b.c', 'a.b.c'],
    ['Bearer', ''],
    ['Bearer ', ''],
    ['Bearer a b', ''],
    ['Bearer,a', ''],
    ['Basic YTpi', undefined],
    ['Bearers a.b.c', undefined],
    ['a.b.c', undefined],
    ['', undefined]
  ] as const) {
    t.equal(tokenOf(header), token, header)
  }
})

t.test('among the subprotocols it stands after one of ours', async (t) => {
  for (const [protocols, token] of [
    ['roomcast.v1, bearer.a.b.c', 'a.b.c'],
    ['roomcast.v1.ndjson,bearer.a.b.c', 'a.b.c'],
    ['roomcast.v1, roomcast.v1.ndjson, bearer.a.b.c', 'a.b.c'],
    ['chat, roomcast.v1, bearer.a.b.c', 'a.b.c'],
    ['roomcast.v1, bearer.', ''],
    ['bearer.a.b.c', undefined],
    ['bearer.a.b.c, roomcast.v1', undefined],
    ['chat, bearer.a.b.c', undefined],
    ['roomcast.v1', undefined],
    ['roomcast.v1, Bearer.a.b.c', undefined]
  ] as const) {
    t.equal(tokenOf(undefined, protocols), token, protocols)
  }
})

t.test('the header goes before', async (t) => {
  t.equal(tokenOf('Bearer one', 'roomcast.v1, bearer.two'), 'one')
  t.equal(tokenOf('Basic one', 'roomcast.v1, bearer.two'), 'two')
  t.equal(tokenOf(), undefined)
})
