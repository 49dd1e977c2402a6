import { SingleBar } from 'cli-progress'

export interface Progress {
  /** What is done now. */
  begin(doing: string): void
  /** What came of it. */
  end(outcome: string): void
  stop(): void
}

/** A line that changes on a terminal, elsewhere a line for each run. */
export function createProgress(total: number, stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? barProgress(total, stream) : lineProgress(total, stream)
}

function barProgress(total: number, stream: NodeJS.WriteStream): Progress {
  const bar = new SingleBar({ format: '{bar} {value} of {total}  {doing}', hideCursor: true, stream })
  let done = 0
  bar.start(total, 0, { doing: '' })
  return {
    begin: (doing) => bar.update(done, { doing }),
    end: () => bar.update(++done),
    stop: () => bar.stop()
  }
}

function lineProgress(total: number, stream: NodeJS.WriteStream): Progress {
  let [doing, number] = ['', 0]
  return {
    begin: (now) => {
      doing = now
      number++
    },
    end: (outcome) => stream.write(`${number} of ${total}  ${doing}  ${outcome}\n`),
    stop: () => {}
  }
}
