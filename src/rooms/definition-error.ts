/** A family of rooms that cannot be: the message is one line for whoever wrote the definition. */
export class RoomDefinitionError extends Error {
  constructor(pattern: string, fault: string) {
    super(`room family ${JSON.stringify(pattern)}: ${fault}`)
    this.name = 'RoomDefinitionError'
  }
}
