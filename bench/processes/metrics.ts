/** One counter of a Roomcast server, without labels; NaN where it has none of that name. */
export async function readTotal(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const [, total] = new RegExp(`^${name} (\\S+)$`, 'm').exec(text) ?? []
  return Number(total)
}
