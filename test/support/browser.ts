import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'

export interface Tab {
  readonly page: Page
  /** What the page must never do: errors, violations of its policy, requests to anywhere but its server. */
  readonly complaints: string[]
  /** Types a message and sends it. */
  say(text: string): Promise<void>
  /** Waits until this many users are said to be online. */
  seesOnline(count: number): Promise<void>
  /** Waits for a message with this text and tells how often it is there, and by whom. */
  authorsOf(text: string): Promise<string[]>
}

export interface TabOptions {
  /** Of the server. */
  readonly url: string
  readonly name: string
  readonly room: string
  readonly token?: string
}

const names = ['chromium', 'chromium-browser', 'google-chrome']
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

/** Debian's Chromium; closed with the test. */
export async function startBrowser(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: browserPath(), args })
  t.teardown(() => browser.close())
  return browser
}

function browserPath(): string {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const found = names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(isExecutable)
  if (found === undefined) throw new Error('no Chromium on PATH: npm run set-up')
  return found
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A tab in a profile of its own that has joined the room; closed with the test. */
export async function openTab(t: Test, browser: Browser, { url, name, room, token }: TabOptions): Promise<Tab> {
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const page = await context.newPage()
  const complaints = await collectComplaints(page, url)
  const fragment = token === undefined ? '' : `#${new URLSearchParams({ token })}`
  await page.goto(`${url}/?${new URLSearchParams({ user_id: name, room })}${fragment}`)
  await page.getByRole('button', { name: 'Join' }).click()
  await page.getByText('Connected', { exact: true }).waitFor()
  return {
    page,
    complaints,
    say: async (text) => {
      await page.getByLabel('Message', { exact: true }).fill(text)
      await page.keyboard.press('Enter')
    },
    seesOnline: (count) => page.getByText(`${count} online`, { exact: true }).waitFor(),
    authorsOf: async (text) => {
      const found = page.getByRole('article').filter({ has: page.getByText(text, { exact: true }) })
      await found.first().waitFor()
      return await found.locator('.author').allTextContents()
    }
  }
}

async function collectComplaints(page: Page, url: string): Promise<string[]> {
  const complaints: string[] = []
  const { host } = new URL(url)
  const checkHost = (target: string) => {
    if (!target.startsWith('data:') && new URL(target).host !== host) complaints.push(`request to ${target}`)
  }
  page.on('request', (request) => checkHost(request.url()))
  page.on('websocket', (socket) => checkHost(socket.url()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  // Not every violation reaches the console, but every one is an event.
  await page.exposeFunction('complain', (text: string) => complaints.push(text))
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (e) => complain(e.violatedDirective + ' ' + e.blockedURI))"
  )
  return complaints
}
