import { type Parsed, parsed, unparsable } from './parsed.ts'

/** As in `.env.example`. One that ends in dots is a value that was cut off, and wrong. */
const PLACEHOLDER = /^["']?(?:[\w|]*:\/\/|0x)?\.\.\.|^your_private_key/i

/**
 * The text of a setting, whoever set it, or null when that is empty or a placeholder. Comments after the value
 * are cut off, which `docker --env-file` and systemd hand on; so is a pair of quotes by the former, and a
 * value that still has some is refused: a folder, a URL or a key with quotes is never meant.
 */
export function settingText(raw: string | undefined): Parsed<string | null> {
  const text = (raw ?? '').replace(/(^|\s)#.*$/s, '').trim()
  const parts = text.split(',').map((part) => part.trim())
  if (parts.every((part) => part === '' || PLACEHOLDER.test(part))) return parsed(null)
  return parts.some((part) => /^["'`“”‘’]|["'`“”‘’]$/.test(part))
    ? unparsable(
        'has quotes left in its value; remove them: container runtimes (docker --env-file) do not take them off.',
      )
    : parsed(text)
}
