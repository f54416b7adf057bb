import { execFileSync } from 'node:child_process'
import { userInfo } from 'node:os'
import { expect, test } from 'vitest'
import { operatorName, operatorServer, UsageError } from './operatorServer.ts'

test('the operator is named as this machine names the user', () => {
  expect(operatorName()).toBe(userInfo().username)
})

test.skipIf(process.getuid?.() !== 0)('a uid that has no name is told by its number', () => {
  const name = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { operatorName } from '${new URL('./operatorServer.ts', import.meta.url)}'; console.log(operatorName())`,
    ],
    { uid: 54_321, gid: 54_321, encoding: 'utf8' },
  )
  expect(name).toBe('uid 54321\n')
})

test.each(['localhost:18546', '127.0.0.1:18546', 'ftp://localhost'])('%s is no URL of a server', (url) => {
  expect(() => operatorServer(url)).toThrow(UsageError)
})
