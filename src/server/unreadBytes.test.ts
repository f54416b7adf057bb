import { expect, it } from 'vitest'
import { createUnreadBytes } from './unreadBytes.ts'

it('gives up who has the most unread when all together have too much, and nobody else (1.19)', () => {
  const unread = createUnreadBytes({ bytesMax: 1_000 })
  const ended: string[] = []
  const [a, b, c] = ['a', 'b', 'c'].map((name) => unread.add(() => ended.push(name))) as [
    ReturnType<typeof unread.add>,
    ReturnType<typeof unread.add>,
    ReturnType<typeof unread.add>,
  ]
  a.set(400)
  b.set(500)
  expect([ended, unread.sum()]).toEqual([[], 900])
  c.set(200)
  expect([ended, unread.sum()]).toEqual([['b'], 600])
  b.set(900)
  b.remove()
  a.set(0)
  expect([ended, unread.sum()]).toEqual([['b'], 200])
  c.remove()
  expect(unread.sum()).toBe(0)
})
