import { readFile, writeFile } from 'node:fs/promises'

const begin = '<!-- the table of npm run bench begins -->'
const end = '<!-- the table of npm run bench ends -->'

/** Puts what was measured between the two marks of a document. Rejects where it has none. */
export async function writeBetweenMarks(document: string, content: string): Promise<void> {
  const text = await readFile(document, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`${document} has no place for the table`)
  await writeFile(document, `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`)
}
