import { expect, it } from 'vitest'
import { uuidV7 } from '../domain/uuidV7.ts'
import { createIdFilter, newIdFilterMemory } from './idFilter.ts'

it('knows every id that was added, and hardly one that was not, for ids of any kind', () => {
  const memory = newIdFilterMemory()
  const filter = createIdFilter(memory)
  const kinds: ((place: number) => string)[] = [() => uuidV7(), (place) => `brain-7.${place}`, String]
  const added = kinds.flatMap((kind) => Array.from({ length: 100_000 }, (_, place) => kind(place)))
  for (const id of added) filter.add(id)
  // Another thread sees the same memory.
  const other = createIdFilter(memory)
  expect(added.filter((id) => !other.mayHave(id))).toEqual([])
  const fresh = kinds.flatMap((kind) => Array.from({ length: 100_000 }, (_, place) => kind(200_000 + place)))
  expect(fresh.filter((id) => other.mayHave(id)).length).toBeLessThan(10)
})
