/** What stands between the stars of a pattern, from left to right; one text alone where there is no star. */
export type Pattern = readonly string[]

/** Reads a pattern, in which `*` stands for any run of characters, also for none. */
export function parsePattern(text: string): Pattern {
  const texts = text.split('*')
  return texts.filter((part, index) => part !== '' || index === 0 || index === texts.length - 1)
}

/** Each text is looked for once, from where the one before ended: nothing is ever tried in a second way. */
export function fitsPattern(pattern: Pattern, name: string): boolean {
  const last = pattern.length - 1
  const [head = ''] = pattern
  if (last <= 0) return name === head
  if (!name.startsWith(head)) return false
  let from = head.length
  for (let index = 1; index < last; index++) {
    const text = pattern[index] ?? ''
    const at = name.indexOf(text, from)
    if (at === -1) return false
    from = at + text.length
  }
  const tail = pattern[last] ?? ''
  return name.length - from >= tail.length && name.endsWith(tail)
}
