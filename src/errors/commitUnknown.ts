/** A COMMIT failed in such a way (an I/O error) that what it was to write may be on disk all the same. */
export class CommitUnknown extends Error {
  override readonly name = 'CommitUnknown'
}
