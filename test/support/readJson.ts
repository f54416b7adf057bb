/** The body of an answer, untyped: tests say what they expect of it. */
export async function readJson(answer: Response): Promise<ReturnType<typeof JSON.parse>> {
  return JSON.parse(await answer.text())
}
