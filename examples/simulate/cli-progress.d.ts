/** What we use of a package that ships no types. */
declare module 'cli-progress' {
  export class SingleBar {
    constructor(options: {
      readonly format: string
      readonly hideCursor?: boolean
      readonly stream?: NodeJS.WriteStream
    })
    /** The payload gives the words of the format. */
    start(total: number, startValue: number, payload?: Readonly<Record<string, string>>): void
    update(value: number, payload?: Readonly<Record<string, string>>): void
    stop(): void
  }
}
