/** What we use of a package that ships no types. */
declare module 'cli-progress' {
  export class SingleBar {
    constructor(options: {
      readonly format: string
      readonly hideCursor?: boolean
      readonly stream?: NodeJS.WriteStream
    })
    start(total: number, startValue: number): void
    update(value: number): void
    stop(): void
  }
}
