// Turns a specification of Vega-Lite on stdin into an SVG on stdout: a process of its own, as the library is installed
// beside the bench and not beside the server.
import { text } from 'node:stream/consumers'
import { parse, View } from 'vega'
import { compile } from 'vega-lite'

const { spec } = compile(JSON.parse(await text(process.stdin)))
const view = new View(parse(spec), { renderer: 'none' })
process.stdout.write(await view.toSVG())
