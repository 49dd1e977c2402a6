/** What we use of packages that ship no types. */
declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on the file; false where another process holds it. The lock ends with the descriptor. */
  export function tryLock(fileDescriptor: number): boolean
}
