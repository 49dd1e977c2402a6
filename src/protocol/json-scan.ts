/** What can be told of a JSON object's text without building it. */
export interface JsonScan {
  /** Levels of nesting; 1 for an object without objects or arrays in it. */
  readonly depth: number
  /** The text of the value under `key` at the top, the last one where it stands twice, as `JSON.parse` takes it. */
  readonly value: string | undefined
}

const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_BRACKET = 91
const BACKSLASH = 92
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

/** Reads text that `JSON.parse` has accepted as an object; anything else gives nonsense. */
export function scanJsonObject(text: string, key: string): JsonScan {
  let depth = 0
  let depthMax = 0
  let name: string | undefined
  let valueStart = -1
  let value: string | undefined

  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    switch (code) {
      case QUOTE: {
        const end = endOfString(text, index)
        if (depth === 1 && valueStart === -1) name = textOf(text.slice(index + 1, end))
        index = end
        break
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++
        if (depth > depthMax) depthMax = depth
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
      case COMMA:
        if (depth === 1 && valueStart !== -1) {
          if (name === key) value = text.slice(valueStart, index).trim()
          valueStart = -1
        }
        if (code !== COMMA) depth--
        break
      case COLON:
        if (depth === 1) valueStart = index + 1
    }
  }
  return { depth: depthMax, value }
}

/** Index of the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

function textOf(inQuotes: string): string {
  return inQuotes.includes('\\') ? JSON.parse(`"${inQuotes}"`) : inQuotes
}
