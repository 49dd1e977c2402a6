import type { SignalMessage, StoredMessage } from './streams.js'

/*
 * The one binary form of a message, stored by both stores and sent between nodes: header lines, each ended by a line
 * feed (ids hold no control characters), then the JSON as it is. Version tags keep a later format apart.
 */
const MESSAGE_TAG = 'm1'
const SIGNAL_TAG = 's1'
/** A line with it, then a block. */
const BLOCK_TAG = 'b1'
const LINE_FEED = 10
const messageHeaderLines = 6
const signalHeaderLines = 2
const LENGTH_BYTES = 4

type Unplaced = Omit<StoredMessage, 'epoch' | 'offset'>

/** `m1`, epoch, offset, timestamp, message id, excluded connections (comma separated), then the JSON. */
export function encodeMessage(message: StoredMessage): Buffer {
  return behind(headerOf(message), message.encoded)
}

/** What of a message is known before it has its place: all that follows the line of the offset. */
export function encodeTail(message: Unplaced): Buffer {
  return behind(tailHeaderOf(message), message.encoded)
}

/** Messages as one piece: each with its length in front, in four bytes, the highest first. */
export function encodeBlock(messages: readonly StoredMessage[]): Buffer {
  const headers = messages.map(headerOf)
  const bytes = messages.reduce((sum, { encoded }) => sum + LENGTH_BYTES + encoded.length, 0)
  const block = Buffer.allocUnsafe(headers.reduce((sum, header) => sum + Buffer.byteLength(header), bytes))
  let end = 0
  for (const [index, { encoded }] of messages.entries()) {
    const start = end + LENGTH_BYTES
    end = start + block.write(headers[index] as string, start)
    end += encoded.copy(block, end)
    block.writeUInt32BE(end - start, start - LENGTH_BYTES)
  }
  return block
}

/** The records of a block, as `decodeMessage` takes them; nothing of what is cut short. */
export function splitBlock(block: Buffer): Buffer[] {
  const records: Buffer[] = []
  let end = 0
  while (end + LENGTH_BYTES <= block.length) {
    const start = end + LENGTH_BYTES
    end = start + block.readUInt32BE(end)
    if (end <= block.length) records.push(block.subarray(start, end))
  }
  return records
}

/** `s1`, excluded connections (comma separated), then the JSON. */
export function encodeSignal({ encoded, exclude }: SignalMessage): Buffer {
  return Buffer.concat([Buffer.from(`${SIGNAL_TAG}\n${exclude.join(',')}\n`), encoded])
}

export type DecodedRecord =
  | { readonly kind: 'messages'; readonly messages: readonly StoredMessage[] }
  | { readonly kind: 'signal'; readonly signal: SignalMessage }

/** Undefined for anything that these functions did not write: what comes from outside is not trusted. */
export function decodeRecord(record: Buffer): DecodedRecord | undefined {
  const tag = record.toString('latin1', 0, 2)
  if (tag === MESSAGE_TAG) {
    const message = decodeMessage(record)
    return message && { kind: 'messages', messages: [message] }
  }
  if (tag === BLOCK_TAG) return decodeBlock(record)
  if (tag !== SIGNAL_TAG) return undefined
  const header = splitHeader(record, signalHeaderLines)
  return header?.lines[0] !== SIGNAL_TAG
    ? undefined
    : { kind: 'signal', signal: { exclude: splitIds(header.lines[1]), encoded: header.body } }
}

function decodeBlock(record: Buffer): DecodedRecord | undefined {
  const header = splitHeader(record, 1)
  if (header?.lines[0] !== BLOCK_TAG) return undefined
  const messages = splitBlock(header.body).map(decodeMessage)
  return { kind: 'messages', messages: messages.filter((message) => message !== undefined) }
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

function headerOf(message: StoredMessage): string {
  return `${MESSAGE_TAG}\n${message.epoch}\n${message.offset}\n${tailHeaderOf(message)}`
}

function tailHeaderOf({ timestamp, messageId, exclude }: Unplaced): string {
  return `${timestamp}\n${messageId}\n${exclude.join(',')}\n`
}

function behind(header: string, encoded: Buffer): Buffer {
  const headerBytes = Buffer.byteLength(header)
  const record = Buffer.allocUnsafe(headerBytes + encoded.length)
  record.write(header)
  encoded.copy(record, headerBytes)
  return record
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
