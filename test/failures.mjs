const LINES_MAX = 40
const LETTERS_MAX = 300

/**
 * Why a file of tests failed: what its process said at its end, and each failed assertion with what was said of it. Of
 * thousands of lines these are the ones to read.
 */
export function failuresOf({ output, errors }) {
  const lines = output.split('\n')
  const failed = lines.flatMap((line, index) => (/^ *not ok /.test(line) ? [index] : []))
  const reports = failed.map((index) => reportOf(lines.slice(index, index + LINES_MAX)))
  return [shorten(errors.trim().split('\n').slice(-LINES_MAX)), ...reports].filter(Boolean).join('\n')
}

/** The line of a failed assertion, and what was said of it. */
function reportOf(lines) {
  const end = lines.findIndex((line) => line.trim() === '...')
  return shorten(lines[1]?.trim() === '---' ? lines.slice(0, end + 1 || undefined) : lines.slice(0, 1))
}

function shorten(lines) {
  return lines.map((line) => line.slice(0, LETTERS_MAX)).join('\n')
}
