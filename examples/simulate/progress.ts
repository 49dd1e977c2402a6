import { SingleBar } from 'cli-progress'

const LINE_MS = 1000

export interface Progress {
  update(delivered: number): void
  stop(): void
}

/** A bar on a terminal; elsewhere a plain line now and then. */
export function createProgress(total: number, stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? barProgress(total, stream) : lineProgress(total, stream)
}

function barProgress(total: number, stream: NodeJS.WriteStream): Progress {
  const bar = new SingleBar({ format: '{bar} {value} of {total} delivered', hideCursor: true, stream })
  bar.start(total, 0)
  return { update: (delivered) => bar.update(delivered), stop: () => bar.stop() }
}

function lineProgress(total: number, stream: NodeJS.WriteStream): Progress {
  let current = 0
  const timer = setInterval(() => stream.write(`${current} of ${total} delivered\n`), LINE_MS)
  return {
    update: (delivered) => {
      current = delivered
    },
    stop: () => clearInterval(timer)
  }
}
