// Compiles citywide.scss into ../static under a name that carries its hash, so that browsers may keep it for ever,
// and writes assets.json last: the portal reads names from it and never sees a half-made style sheet.

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from 'sass'

const here = dirname(fileURLToPath(import.meta.url))
const output = join(here, '..', 'static')

const { css } = compile(join(here, 'citywide.scss'), {
  style: 'compressed',
  loadPaths: [join(here, 'node_modules')],
  quietDeps: true
})
const hash = createHash('sha256').update(css).digest('hex').slice(0, 12)
const name = `citywide.${hash}.css`

mkdirSync(output, { recursive: true })
write(name, css)
write('assets.json', JSON.stringify({ 'citywide.css': name }) + '\n')
for (const file of readdirSync(output)) {
  if (/^citywide\.[0-9a-f]+\.css$/.test(file) && file !== name) rmSync(join(output, file))
}

function write (file, text) {
  const draft = join(output, `.${file}.draft`)
  writeFileSync(draft, text)
  renameSync(draft, join(output, file))
}
