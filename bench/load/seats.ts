import type { Seat } from './wires.js'

/** Room by its number from 0; `r0` is left for looking at the size of a message. */
export function roomName(index: number): string {
  return `r${index + 1}`
}

/** The place of a member by its number over all rooms. */
export function seatOf(index: number, membersOfARoom: number): Seat {
  return { room: roomName(Math.floor(index / membersOfARoom)), user: `u${index}` }
}
