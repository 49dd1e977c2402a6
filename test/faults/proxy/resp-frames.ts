/** Takes what Redis sends apart into whole answers, of RESP2 or RESP3. */
export class RespFrames {
  #rest: Buffer = Buffer.alloc(0)

  /** What has not come to its end yet. */
  get rest(): Buffer {
    return this.#rest
  }

  /** The answers that are whole now. */
  push(bytes: Buffer): Buffer[] {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const frames: Buffer[] = []
    let start = 0
    for (let end = frameEnd(all, 0); end !== undefined; end = frameEnd(all, start)) {
      frames.push(all.subarray(start, end))
      start = end
    }
    this.#rest = all.subarray(start)
    return frames
  }
}

/** Whether an answer is a message of a subscription. */
export function isPubSubMessage(frame: Buffer): boolean {
  return /^[>*]3\r\n\$7\r\nmessage\r\n/.test(frame.toString('latin1', 0, 24))
}

/** Where the answer ends that begins at `start`; undefined where it is not whole. */
function frameEnd(bytes: Buffer, start: number): number | undefined {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const next = lineEnd + 2
  const type = String.fromCharCode(bytes[start] as number)
  const count = Number(bytes.toString('latin1', start + 1, lineEnd))
  if ('$=!'.includes(type)) return bulkEnd(bytes, next, count)
  if ('*~>'.includes(type)) return elementsEnd(bytes, next, count)
  if (type === '%') return elementsEnd(bytes, next, 2 * count)
  // An attribute stands before the value that it tells of.
  if (type === '|') return elementsEnd(bytes, next, 2 * count + 1)
  return next
}

function bulkEnd(bytes: Buffer, start: number, length: number): number | undefined {
  const end = length < 0 ? start : start + length + 2
  return end <= bytes.length ? end : undefined
}

function elementsEnd(bytes: Buffer, start: number, count: number): number | undefined {
  let end: number | undefined = start
  for (let n = 0; n < count && end !== undefined; n++) end = frameEnd(bytes, end)
  return end
}
