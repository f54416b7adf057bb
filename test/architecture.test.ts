import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

/**
 * Who may import values from whom; every part may import from itself, and types follow `TYPE_IMPORTS`
 * besides.
 */
const VALUE_IMPORTS: Record<string, readonly string[]> = {
  errors: [],
  domain: ['errors'],
  config: ['domain', 'errors'],
  wire: ['domain', 'errors', 'config/limits.ts'],
  route: ['domain', 'errors', 'config/limits.ts'],
  nodes: ['domain', 'errors', 'config/limits.ts'],
  simulation: ['domain', 'errors', 'config/limits.ts', 'contracts/artifacts'],
  fees: ['domain', 'errors', 'config/limits.ts'],
  budget: ['domain', 'errors', 'config/limits.ts'],
  lanes: ['domain', 'errors', 'config/limits.ts', 'config/settingText.ts'],
  broadcast: ['domain', 'errors', 'config/limits.ts'],
  confirmation: ['domain', 'errors', 'config/limits.ts'],
  journal: ['domain', 'errors', 'config/limits.ts'],
  // A database like the journals', opened by the same rules.
  eventlog: ['domain', 'errors', 'config/limits.ts', 'journal/openDatabase.ts'],
  observability: ['domain', 'errors', 'config/limits.ts'],
  dispatch: ['domain', 'errors', 'config/limits.ts'],
  // The one decider is pure, and belongs to what the chain says.
  trading: ['domain', 'errors', 'config/limits.ts', 'confirmation/nextStep.ts'],
  server: ['domain', 'errors', 'config', 'wire'],
  // Programs of their own: nothing here is part of a server, in PAPER or LIVE.
  cli: [
    'config',
    'domain',
    'errors',
    'prepareStart.ts',
    'nodes',
    'fees',
    'lanes',
    'broadcast',
    'simulation/prices.ts',
    'journal/heldByServer.ts',
    'contracts/artifacts',
    'devnet/devnetBook.ts',
  ],
}

/**
 * Both halves of the process share the dispatch protocol and config types; a caller may name the interface it
 * needs.
 */
const TYPE_IMPORTS: Record<string, readonly string[]> = {
  config: ['dispatch/protocol.ts'],
  wire: ['dispatch/protocol.ts'],
  nodes: ['dispatch/protocol.ts', 'config/chainConfig.ts'],
  simulation: ['nodes', 'config/chainConfig.ts'],
  fees: ['nodes', 'config/chainConfig.ts'],
  budget: ['config/chainConfig.ts'],
  broadcast: ['nodes', 'config/relays.ts'],
  confirmation: ['nodes', 'config/chainConfig.ts'],
  lanes: ['nodes', 'budget'],
  journal: ['dispatch/protocol.ts'],
  eventlog: ['dispatch/protocol.ts'],
  observability: ['dispatch/protocol.ts'],
  dispatch: ['config/chainConfig.ts', 'config/config.ts', 'nodes', 'budget'],
  trading: ['dispatch/protocol.ts', 'journal', 'lanes', 'broadcast', 'confirmation', 'budget'],
  server: ['dispatch', 'eventlog', 'observability'],
}

/**
 * Each library has one home, and may be used by the composition roots. ethers is the exception: whoever reads
 * or writes what is Ethereum's may use it.
 */
const LIBRARY_HOMES: Record<string, readonly string[]> = {
  piscina: ['dispatch'],
  'uWebSockets.js': ['server'],
  typia: ['wire'],
  pino: ['observability'],
  'prom-client': ['observability'],
  'tiny-secp256k1': ['lanes'],
  undici: ['nodes'],
  'node:sqlite': ['journal', 'eventlog'],
  // In confirmation it recovers who signed an EIP-7702 authorisation.
  ethers: ['lanes', 'broadcast', 'wire', 'nodes', 'config', 'cli', 'confirmation'],
}

/** Where each thread of the process starts. */
const COMPOSITION_ROOTS = ['src/main.ts', 'workers/chain.ts', 'workers/eventLog.ts']
/** Only these construct concrete things. */
const composes = (file: string) =>
  ['src/main.ts', 'src/prepareStart.ts'].includes(file) || file.startsWith('workers/')

/** Parts that sign or send. A LIVE process loads them dynamically, a PAPER process not at all. */
const LIVE_PARTS = ['lanes', 'broadcast']
/** `deploy` signs by `lanes` and sends by `broadcast`, and no server reaches it. */
const SIGNING_PARTS = [...LIVE_PARTS, 'cli']

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest)
  return source.statements.flatMap((statement): Import[] => {
    const isImport = ts.isImportDeclaration(statement)
    if (!isImport && !ts.isExportDeclaration(statement)) return []
    const specifier = statement.moduleSpecifier
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return []
    const typeOnly = isImport
      ? statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      : statement.isTypeOnly
    const to = specifier.text.startsWith('.')
      ? relative(root, join(root, dirname(file), specifier.text))
      : specifier.text
    return [{ from: file, to, typeOnly }]
  })
}

const sources = globSync('{src,workers,devnet,contracts}/**/*.ts', {
  cwd: root,
  exclude: ['**/node_modules/**'],
}).filter((file) => !file.endsWith('.test.ts') && !/\/(generated|test|build)\//.test(file))
/** What is ours by these rules; the rest of `sources` is what a server may load besides. */
const files = sources.filter((file) => /^(src|workers)\//.test(file))
const reachable = sources.flatMap(importsOf)
const imports = files.flatMap(importsOf)
const partOf = (file: string) => file.split('/')[1] ?? ''
const within = (file: string, allowed: readonly string[]) =>
  allowed.some((place) =>
    [`src/${place}`, place].some((path) => file === path || file.startsWith(`${path}/`)),
  )

describe('the import rules of ARCHITECTURE.md', () => {
  it('finds the source', () => {
    expect(files.length).toBeGreaterThan(40)
    expect(imports.length).toBeGreaterThan(100)
  })

  it('every folder of src has a rule', () => {
    const parts = new Set(
      files.filter((file) => file.split('/').length > 2 && file.startsWith('src/')).map(partOf),
    )
    expect([...parts].filter((part) => !(part in VALUE_IMPORTS))).toEqual([])
  })

  it('parts import only what they may', () => {
    const broken = imports.filter(({ from, to, typeOnly }) => {
      if (composes(from) || !/^(src|workers|contracts|devnet)\//.test(to)) return false
      const part = partOf(from)
      if (partOf(to) === part && to.startsWith('src/')) return false
      const allowed = [...(VALUE_IMPORTS[part] ?? []), ...(typeOnly ? (TYPE_IMPORTS[part] ?? []) : [])]
      return !within(to, allowed)
    })
    expect(broken).toEqual([])
  })

  it('each library is used in its home', () => {
    const strays = imports.filter(({ from, to }) => {
      const homes = Object.entries(LIBRARY_HOMES).find(
        ([name]) => to === name || to.startsWith(`${name}/`),
      )?.[1]
      return homes !== undefined && !composes(from) && !homes.includes(partOf(from))
    })
    expect(strays).toEqual([])
  })

  it('only config/env.ts reads the environment', () => {
    const readers = sources.filter((file) =>
      /\bprocess\.env\b|\benv\b.*from 'node:process'/.test(readFileSync(join(root, file), 'utf8')),
    )
    expect(readers).toEqual(['src/config/env.ts'])
  })

  it('the devnet knows the settings and nothing else of the server', () => {
    const known = reachable.filter(({ from, to }) => from.startsWith('devnet/') && to.startsWith('src/'))
    expect(known.filter(({ to }) => !within(to, ['config']))).toEqual([])
    expect(known.length).toBeGreaterThan(0)
  })

  it('only broadcast names a sending method, and only lanes and broadcast can build a signer', () => {
    const naming = (pattern: RegExp) =>
      new Set(
        files
          .filter(
            (file) => file !== 'workers/live.ts' && pattern.test(readFileSync(join(root, file), 'utf8')),
          )
          .map(partOf),
      )
    const sending = naming(/eth_send|_private_tx|blxr_tx/)
    expect([...sending].filter((part) => part !== 'broadcast')).toEqual([])
    const signing = naming(/new Wallet|SigningKey|signRecoverable|signTransaction|PRIVATE_KEY\b.*process/)
    expect([...signing].filter((part) => !SIGNING_PARTS.includes(part))).toEqual([])
  })

  it('PAPER can neither sign nor send: no static import leads from a composition root to what can', () => {
    const reached = new Set(COMPOSITION_ROOTS)
    for (const file of reached)
      for (const { from, to, typeOnly } of reachable) if (from === file && !typeOnly) reached.add(to)
    expect(reached.size).toBeGreaterThan(60)
    const sending = [...reached].filter(
      (file) =>
        sources.includes(file) && /eth_send|_sendTransaction/.test(readFileSync(join(root, file), 'utf8')),
    )
    expect(sending).toEqual([])
    // Through main.ts, and what that imports: the proof holds for what is outside of src as well.
    expect(reached).toContain('devnet/startAnvil.ts')
    expect([...reached].filter((file) => within(file, [...SIGNING_PARTS, 'workers/live.ts']))).toEqual([])
  })

  it('has no drawers', () => {
    expect(
      files.filter((file) => /(utils?|helpers?|common|managers?|services?)(\/|\.ts$)/i.test(file)),
    ).toEqual([])
  })
})
