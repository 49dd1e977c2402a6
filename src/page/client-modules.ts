import { readdir, readFile } from 'node:fs/promises'

const folder = new URL('../../client/src/', import.meta.url)
/** Run from its sources, by whatever compiles them, the server has no build of the client beside it. */
const isSource = import.meta.url.endsWith('.ts')

/** The client's modules as browsers take them: JavaScript by file name. Compiled here where that was not done yet. */
export async function readClientModules(): Promise<ReadonlyMap<string, string>> {
  const extension = isSource ? '.ts' : '.js'
  const names = (await readdir(folder)).filter((name) => name.endsWith(extension) && !name.endsWith('.d.ts'))
  const modules = names.map(async (name) => {
    const text = await readFile(new URL(name, folder), 'utf8')
    return [name.replace(/\.ts$/, '.js'), isSource ? await compile(text) : text] as const
  })
  return new Map(await Promise.all(modules))
}

/** The compiler is there for development only, and takes its time to load. */
async function compile(text: string): Promise<string> {
  const { default: typescript } = await import('typescript')
  const { ModuleKind, ScriptTarget } = typescript
  const compilerOptions = { module: ModuleKind.ES2022, target: ScriptTarget.ES2022, verbatimModuleSyntax: true }
  return typescript.transpileModule(text, { compilerOptions }).outputText
}
