import type { Duplex } from 'node:stream'

/** What was written at once: one system call on a real socket, however many pieces it has. */
export type SocketWrite = readonly unknown[]

/** Collects what is written from now on, oldest first; each piece is the very object that was handed to the socket. */
export function watchWrites(socket: Duplex): SocketWrite[] {
  const writes: SocketWrite[] = []
  const { _write: write, _writev: writeAll } = socket
  socket._write = (chunk, encoding, callback) => {
    writes.push([chunk])
    write.call(socket, chunk, encoding, callback)
  }
  socket._writev = (pieces, callback) => {
    writes.push(pieces.map(({ chunk }) => chunk))
    writeAll?.call(socket, pieces, callback)
  }
  return writes
}
