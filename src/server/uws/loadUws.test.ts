import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { loadUws, type Uws } from './loadUws.ts'

/** Serves one request on a free loopback port and ends the server again. */
async function serveOnce(uws: Uws): Promise<string> {
  const app = uws.App().get('/*', (response, request) => {
    response.end(`you asked for ${request.getUrl()}`)
  })
  const socket = await new Promise<Parameters<Uws['us_listen_socket_close']>[0] | false>((resolve) => {
    app.listen('127.0.0.1', 0, resolve)
  })
  if (socket === false) throw new Error('No port to listen on.')
  try {
    return await (await fetch(`http://127.0.0.1:${uws.us_socket_local_port(socket)}/depth/7`)).text()
  } finally {
    app.close()
  }
}

test('the library for this system loads and serves', async () => {
  expect(await serveOnce(loadUws())).toBe('you asked for /depth/7')
})

test('the fitted copy loads and serves, and is then what the package gives to everybody', async () => {
  const uws = loadUws({ glibc: '2.36' })
  expect(await serveOnce(uws)).toBe('you asked for /depth/7')
  expect(createRequire(import.meta.url)('uWebSockets.js')).toBe(uws)
})

test.each([null, '2.31'])('glibc %s is refused with the reason', (glibc) => {
  expect(() => loadUws({ glibc })).toThrow(/^uWebSockets\.js cannot run here: it needs/)
})

test('loads from a bundle that leaves the package outside', async () => {
  const modules = dirname(dirname(createRequire(import.meta.url).resolve('uWebSockets.js')))
  mkdirSync(join(modules, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(modules, '.cache', 'bundle-'))
  try {
    const outfile = join(folder, 'dist', 'main.js')
    await build({
      stdin: {
        contents: `import { loadUws } from './loadUws.ts'
          process.stdout.write(typeof loadUws().App)`,
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      },
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['uWebSockets.js'],
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
    })
    const { stdout } = await promisify(execFile)(process.execPath, [outfile])
    expect(stdout).toBe('function')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
