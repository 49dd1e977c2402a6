import type { SignalMessage, StoredMessage } from './streams.js'

/*
 * The one binary form of a message, stored by both stores and sent between nodes: header lines, each ended by a line
 * feed (ids hold no control characters), then the JSON as it is. Version tags keep a later format apart.
 */
const MESSAGE_TAG = 'm1'
const SIGNAL_TAG = 's1'
const LINE_FEED = 10
const messageHeaderLines = 6
const signalHeaderLines = 2

/** `m1`, epoch, offset, timestamp, message id, excluded connections (comma separated), then the JSON. */
export function encodeMessage(message: StoredMessage): Buffer {
  return Buffer.concat([Buffer.from(`${MESSAGE_TAG}\n${message.epoch}\n${message.offset}\n`), encodeTail(message)])
}

/** What of a message is known before it has its place: all that follows the line of the offset. */
export function encodeTail(message: Omit<StoredMessage, 'epoch' | 'offset'>): Buffer {
  const { timestamp, messageId, exclude, encoded } = message
  return Buffer.concat([Buffer.from(`${timestamp}\n${messageId}\n${exclude.join(',')}\n`), encoded])
}

/** `s1`, excluded connections (comma separated), then the JSON. */
export function encodeSignal({ encoded, exclude }: SignalMessage): Buffer {
  return Buffer.concat([Buffer.from(`${SIGNAL_TAG}\n${exclude.join(',')}\n`), encoded])
}

export type DecodedRecord =
  | { readonly kind: 'message'; readonly message: StoredMessage }
  | { readonly kind: 'signal'; readonly signal: SignalMessage }

/** Undefined for anything that these functions did not write: what comes from outside is not trusted. */
export function decodeRecord(record: Buffer): DecodedRecord | undefined {
  const tag = record.toString('latin1', 0, 2)
  if (tag === MESSAGE_TAG) {
    const message = decodeMessage(record)
    return message && { kind: 'message', message }
  }
  if (tag !== SIGNAL_TAG) return undefined
  const header = splitHeader(record, signalHeaderLines)
  return header?.lines[0] !== SIGNAL_TAG
    ? undefined
    : { kind: 'signal', signal: { exclude: splitIds(header.lines[1]), encoded: header.body } }
}

export function decodeMessage(record: Buffer): StoredMessage | undefined {
  const header = splitHeader(record, messageHeaderLines)
  if (header === undefined) return undefined
  const [tag, epoch = '', offset, timestamp, messageId = '', exclude] = header.lines
  const message = {
    epoch,
    offset: countOf(offset),
    timestamp: countOf(timestamp),
    messageId,
    exclude: splitIds(exclude),
    encoded: header.body
  }
  const valid = tag === MESSAGE_TAG && epoch !== '' && isCount(message.offset) && isCount(message.timestamp)
  return valid ? message : undefined
}

function splitHeader(record: Buffer, lineCount: number): { lines: string[]; body: Buffer } | undefined {
  let end = -1
  for (let line = 0; line < lineCount; line++) {
    end = record.indexOf(LINE_FEED, end + 1)
    if (end === -1) return undefined
  }
  return { lines: record.toString('utf8', 0, end).split('\n'), body: record.subarray(end + 1) }
}

function splitIds(list: string | undefined): string[] {
  return list === undefined || list === '' ? [] : list.split(',')
}

function countOf(digits = ''): number {
  return /^\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
