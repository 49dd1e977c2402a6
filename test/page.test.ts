import { createHash } from 'node:crypto'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { pageHeaders } from '../src/page/page-headers.js'
import { openTab, startBrowser } from './support/browser.js'
import { request, startServer } from './support/server.js'
import { SECRET, seconds, signToken } from './support/tokens.js'
import { until } from './support/until.js'

t.test(
  'the headers let in the very script and style of the page, the modules of its server, and nothing else',
  async (t) => {
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
    const headers = pageHeaders(
      '<style>a {}</style><p>text</p><script type="module">\nrun()\n</script><script src="x"></script>'
    )
    const policy = headers['content-security-policy'] ?? ''
    t.match(
      policy,
      `default-src 'none'; script-src 'self' ${hash('\nrun()\n')}; style-src ${hash('a {}')}; connect-src 'self'`
    )
    t.notMatch(policy, 'unsafe')
    t.equal(headers['content-type'], 'text/html; charset=utf-8')
    t.match(pageHeaders('<p>')['content-security-policy'], "script-src 'self'; style-src 'none'")
  }
)

t.test('the page shows the token of its address, and to nobody else', async (t) => {
  const { url } = await startServer(t, { JWT_SECRET: SECRET })
  const token = await signToken({ sub: 'alice', exp: seconds(Date.now()) + 600 })
  const tab = await openTab(t, await startBrowser(t), { url, name: 'alice', room: 'talk', token })
  await tab.say('good morning')
  t.same(await tab.authorsOf('good morning'), ['alice'])
  t.same(tab.complaints, [])
})

t.test('the page', async (t) => {
  const server = await startServer(t, { HISTORY_SIZE: 5 })
  const { url } = server
  const browser = await startBrowser(t)
  const post = (room: string, content: unknown, user_id?: string) =>
    request(`${url}/rooms/${room}/messages`, { method: 'POST', body: { content, user_id } })

  t.test('lets two tabs talk to each other and see that both are online', async (t) => {
    const alice = await openTab(t, browser, { url, name: 'alice', room: 'talk' })
    await alice.seesOnline(1)
    const bob = await openTab(t, browser, { url, name: 'bob', room: 'talk' })
    await Promise.all([alice.seesOnline(2), bob.seesOnline(2)])
    await alice.page.getByText('bob joined').waitFor()
    await alice.say('good morning')
    t.same(await bob.authorsOf('good morning'), ['alice'])
    await bob.say('and to you')
    t.same(await alice.authorsOf('and to you'), ['bob'])
    t.same(await alice.page.locator('.own .text').allTextContents(), ['good morning'])
    await bob.page.getByRole('button', { name: 'Leave' }).click()
    await Promise.all([alice.page.getByText('bob left').waitFor(), alice.seesOnline(1)])
    t.same([...alice.complaints, ...bob.complaints], [])
  })

  t.test('shows what was said before it was opened, whatever the content is', async (t) => {
    for (const content of [{ text: 'first' }, 'second', { third: [3] }]) await post('before', content, 'carol')
    await post('before', { text: 'fourth' })
    const tab = await openTab(t, browser, { url, name: 'dave', room: 'before' })
    t.same(await tab.authorsOf('fourth'), ['server'])
    const shown = await tab.page.locator('.text, pre').allTextContents()
    t.same(shown, ['first', 'second', JSON.stringify({ third: [3] }, null, 2), 'fourth'])
    t.same(tab.complaints, [])
  })

  t.test('shows markup in names and messages as text', async (t) => {
    const markup = '<img src=x onerror="document.title = 1"><script>document.title = 2</script>'
    const room = `<b>'"&$(id)`
    const name = '<i>eve</i>'
    const tab = await openTab(t, browser, { url, name, room })
    await tab.say(markup)
    t.same(await tab.authorsOf(markup), [name])
    await post(encodeURIComponent(room), { text: 'posted', x: markup }, markup)
    t.same(await tab.authorsOf('posted'), [markup])
    t.equal(await tab.page.locator('main :is(b, i, img, script)').count(), 0)
    t.equal(await tab.page.title(), `${room} – Roomcast`)
    t.match(await tab.page.locator('#curl').textContent(), `'${url}/rooms/%3Cb%3E%27%22%26%24(id)/messages'`)
    t.same(tab.complaints, [])
  })

  t.test('comes back after its socket was dropped and shows what it missed exactly once', async (t) => {
    const tab = await openTab(t, browser, { url, name: 'frank', room: 'drop' })
    await tab.say('before the drop')
    await tab.authorsOf('before the drop')
    const upgrades = holdUpgrades(server.app.server)
    dropSockets()
    await until(() => upgrades.held)
    await post('drop', { text: 'missed' }, 'grace')
    await tab.say('said while away')
    t.ok(await tab.page.getByText('Reconnecting').isVisible())
    t.ok(await tab.page.locator('.pending', { hasText: 'said while away' }).isVisible())
    upgrades.release()
    await tab.authorsOf('missed')
    await tab.page.getByText('Connected', { exact: true }).waitFor()
    await tab.page.locator('.pending').waitFor({ state: 'detached' })
    await post('drop', { text: 'the end' }, 'grace')
    await tab.authorsOf('the end')
    const texts = await tab.page.locator('.text').allTextContents()
    t.same(texts, ['before the drop', 'missed', 'said while away', 'the end'])
    t.same(tab.complaints, [])
  })

  t.test('posts once what was stored but not acknowledged before its socket was dropped', async (t) => {
    const sockets = collectSockets(server.app.server)
    const tab = await openTab(t, browser, { url, name: 'heidi', room: 'once' })
    mute(sockets)
    await tab.say('only once')
    const stored = async () => (await request(`${url}/rooms/once/history`)).body.messages
    await until(stored, (messages) => messages.length === 1)
    t.equal(await tab.page.locator('.pending').count(), 1)
    dropSockets()
    await tab.page.locator('.pending').waitFor({ state: 'detached' })
    await tab.say('next')
    t.same(await tab.authorsOf('next'), ['heidi'])
    t.same(await tab.page.locator('.text').allTextContents(), ['only once', 'next'])
    t.equal((await stored()).length, 2)
    t.same(tab.complaints, [])
  })

  t.test('says so when messages are gone that it has not seen', async (t) => {
    const tab = await openTab(t, browser, { url, name: 'ivan', room: 'gap' })
    const upgrades = holdUpgrades(server.app.server)
    dropSockets()
    await until(() => upgrades.held)
    for (let offset = 1; offset <= 7; offset++) await post('gap', { text: `message ${offset}` })
    upgrades.release()
    await tab.authorsOf('message 7')
    t.ok(await tab.page.getByText('Messages 1 to 2 are no longer kept').isVisible())
    const texts = await tab.page.locator('.text').allTextContents()
    t.same(texts, ['message 3', 'message 4', 'message 5', 'message 6', 'message 7'])
    t.same(tab.complaints, [])
  })

  t.test('goes on with its session after a drop: nobody hears that it was away, and nothing is lost', async (t) => {
    const { app, url } = await startServer(t, { PRESENCE_GRACE: 10 })
    const watcher = await openTab(t, browser, { url, name: 'nina', room: 'session' })
    const tab = await openTab(t, browser, { url, name: 'olaf', room: 'session' })
    await watcher.page.getByText('olaf joined').waitFor()
    const publish = (n: number) =>
      request(`${url}/rooms/session/messages`, { method: 'POST', body: { content: `${n}` } })
    for (let n = 1; n <= 15; n++) {
      if (n % 5 === 0) for (const client of app.websocketServer.clients) client.terminate()
      await publish(n)
    }
    for (const { page } of [tab, watcher]) {
      await page.getByText('Back after a drop: the session goes on.').first().waitFor()
      await page.locator('.text', { hasText: /^15$/ }).waitFor()
      t.strictSame(
        await page.locator('.text').allTextContents(),
        Array.from({ length: 15 }, (_, index) => `${index + 1}`)
      )
      t.equal(await page.getByText(/left|no longer kept|lost some/).count(), 0)
    }
    t.same([...tab.complaints, ...watcher.complaints], [])
  })

  t.test('says so when the history it stands in is lost, and shows what there is instead', async (t) => {
    const tab = await openTab(t, browser, { url, name: 'pia', room: 'reset' })
    await tab.say('before')
    await tab.authorsOf('before')
    const { epoch } = (await request(`${url}/rooms/reset`)).body
    const { streams } = server.app.store
    const read = streams.read.bind(streams)
    // What a store does that came back from an older copy of itself.
    streams.read = async (channel, query) => {
      const isStale = channel === 'room:reset' && query.after?.epoch === epoch
      if (!isStale) return await read(channel, query)
      const page = await read(channel, { after: { offset: 0 }, limit: query.limit })
      return { ...page, continuity: 'reset', holds: 0 }
    }
    await post('reset', { text: 'after' })
    dropSockets()
    await tab.page.getByText('The server lost some of this room’s history').waitFor()
    streams.read = read
    await tab.authorsOf('after')
    t.same(tab.complaints, [])
  })

  t.test('gives a connection up that does not answer, and opens another', async (t) => {
    const { app, url } = await startServer(t, { HEARTBEAT_INTERVAL: 1 })
    const sockets = collectSockets(app.server)
    const tab = await openTab(t, browser, { url, name: 'mallory', room: 'silent' })
    mute(sockets)
    await request(`${url}/rooms/silent/messages`, { method: 'POST', body: { content: 'unheard' } })
    t.same(await tab.authorsOf('unheard'), ['server'])
    t.same(tab.complaints, [])
  })

  t.test('does not come back after a close that forbids it', async (t) => {
    const tab = await openTab(t, browser, { url, name: 'judy', room: 'closed' })
    for (const client of server.app.websocketServer.clients) client.close(4501, 'disconnected by the backend')
    await tab.page.getByText('Disconnected: disconnected by the backend').waitFor()
    t.ok(await tab.page.getByRole('button', { name: 'Send' }).isDisabled())
    t.same(tab.complaints, [])
  })

  t.test('tells why the server refuses a name', async (t) => {
    const tab = await openTab(t, browser, { url, name: 'kim', room: 'refused' })
    await tab.page.getByRole('button', { name: 'Leave' }).click()
    await tab.page.getByLabel('Your name').fill('anonymous:kim')
    await tab.page.getByRole('button', { name: 'Join' }).click()
    await tab.page.getByText('(invalid_id)').waitFor()
    t.ok(await tab.page.getByRole('button', { name: 'Join' }).isVisible())
    t.same(tab.complaints, [])
  })

  t.test('keeps name and room of a tab through a reload', async (t) => {
    const tab = await openTab(t, browser, { url, name: 'lea', room: 'kept' })
    await tab.page.goto(url)
    t.equal(await tab.page.getByLabel('Your name').inputValue(), 'lea')
    t.equal(await tab.page.getByLabel('Room').inputValue(), 'kept')
    t.same(tab.complaints, [])
  })

  function dropSockets(): void {
    for (const client of server.app.websocketServer.clients) client.terminate()
  }
})

/** Lets upgrades wait until they are released, as a slow network would. */
function holdUpgrades(server: Server): { readonly held: boolean; release(): void } {
  const listeners = server.listeners('upgrade') as Array<(...args: unknown[]) => void>
  const waiting: unknown[][] = []
  server.removeAllListeners('upgrade')
  server.on('upgrade', (...args) => waiting.push(args))
  return {
    get held() {
      return waiting.length > 0
    },
    release: () => {
      server.removeAllListeners('upgrade')
      for (const listener of listeners) server.on('upgrade', listener)
      for (const args of waiting) server.emit('upgrade', ...args)
    }
  }
}

/** The connections that come in from now on. */
function collectSockets(server: Server): Socket[] {
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  return sockets
}

/** Nothing of what the server writes arrives any more. */
function mute(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.cork()
}
